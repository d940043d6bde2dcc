/* A C program as README shows one: routes the keys of its command line by the segment that it is
 * given, and says where each goes. Exit 0 if every key was routed, 1 if not, 2 if nothing could be
 * attached. */
#include <stdio.h>
#include <string.h>

#include "ringfence.h"

static int route(const ringfence_t* handle, const char* key) {
  ringfence_ticket ticket;
  ringfence_address address;
  char wire_key[RINGFENCE_KEY_MAX];
  ringfence_status status = ringfence_route(handle, key, strlen(key), &ticket);
  size_t wire_bytes;
  if (status == RINGFENCE_OK) {
    status = ringfence_backend(handle, &ticket, &address);
  }
  if (status != RINGFENCE_OK) {
    printf("%s: %s\n", key, ringfence_describe(status));
    return 1;
  }
  wire_bytes = ringfence_wire_key(&ticket, key, strlen(key), wire_key);
  printf("%s: %s %.*s\n", key, address.text, (int)wire_bytes, wire_key);
  return ringfence_validate(handle, &ticket) == RINGFENCE_OK ? 0 : 1;
}

int main(int argc, char** argv) {
  ringfence_t* handle = NULL;
  int failures = 0;
  int i;
  const ringfence_status status = ringfence_attach(argc > 1 ? argv[1] : NULL, &handle);
  if (status != RINGFENCE_OK) {
    fprintf(stderr, "attach: %s\n", ringfence_describe(status));
    ringfence_detach(handle);
    return 2;
  }
  for (i = 2; i < argc; ++i) {
    failures += route(handle, argv[i]);
  }
  ringfence_detach(handle);
  return failures == 0 ? 0 : 1;
}
