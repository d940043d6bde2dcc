/* A C program as people write them: opens a client, sets a key and gets it, and says what each call
 * returned. Exit 0 when the value came back, 1 when a call was refused, 2 without a client.
 *   client_program SEGMENT KEY */
#include <stdio.h>
#include <string.h>

#include "ringfence.h"

static const long timeout_ms = 500;

int main(int argc, char** argv) {
  ringfence_options options;
  ringfence_client_t* client = NULL;
  ringfence_value value;
  ringfence_status opened, stored, read;
  if (argc != 3) return 64;
  memset(&value, 0, sizeof value);
  ringfence_options_init(&options);
  options.segment_path = argv[1];
  opened = ringfence_client_open(&options, &client);
  printf("open: %s\n", ringfence_describe(opened));
  if (client == NULL) return 2;
  stored = ringfence_set(client, argv[2], strlen(argv[2]), "value", 5, 0, 0, timeout_ms);
  printf("set: %s\n", ringfence_describe(stored));
  read = ringfence_get(client, argv[2], strlen(argv[2]), &value, timeout_ms);
  printf("get: %s %s\n", ringfence_describe(read), value.data == NULL ? "" : value.data);
  ringfence_value_free(&value);
  ringfence_client_close(client);
  return stored == RINGFENCE_OK && read == RINGFENCE_OK ? 0 : 1;
}
