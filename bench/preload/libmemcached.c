// The C client of bench/preload, on libmemcached; what it is asked for: measure.py.
//   preload_client HOST PORT...
#define _POSIX_C_SOURCE 200809L  // clock_gettime
#include <libmemcached/memcached.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { keys_max = 100000, key_bytes_max = 32, value_bytes = 100, calls_max = 1000000 };

static memcached_st* client;
static char keys[keys_max][key_bytes_max];
static size_t key_count;
static char value[value_bytes];
static int64_t took_ns[calls_max];

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void expect(int is_right, const char* what, memcached_return_t code) {
  if (!is_right) {
    fprintf(stderr, "%s: %s\n", what, memcached_strerror(client, code));
    exit(1);
  }
}

static void set(size_t key) {
  const memcached_return_t code =
      memcached_set(client, keys[key], strlen(keys[key]), value, value_bytes, 0, 0);
  expect(code == MEMCACHED_SUCCESS, "set", code);
}

static void get(size_t key) {
  size_t bytes = 0;
  uint32_t flags = 0;
  memcached_return_t code = MEMCACHED_ERROR;
  char* found = memcached_get(client, keys[key], strlen(keys[key]), &bytes, &flags, &code);
  expect(found != NULL && bytes == value_bytes, "get", code);
  free(found);
}

static void fill(size_t count) {
  key_count = count;
  for (size_t i = 0; i < count; ++i) {
    snprintf(keys[i], sizeof keys[i], "bench-%06zu", i);
    set(i);
  }
  printf("filled\n");
}

static int compare(const void* left, const void* right) {
  const int64_t a = *(const int64_t*)left;
  const int64_t b = *(const int64_t*)right;
  return (a > b) - (a < b);
}

static void work(size_t count, uint64_t state) {
  for (size_t i = 0; i < count; ++i) {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    const size_t key = (state >> 8) % key_count;
    const int64_t begun = now_ns();
    if (i % 10 == 9) {
      set(key);
    } else {
      get(key);
    }
    took_ns[i] = now_ns() - begun;
  }
  qsort(took_ns, count, sizeof took_ns[0], compare);
  printf("%lld %lld\n", (long long)took_ns[count / 2], (long long)took_ns[count * 99 / 100]);
}

int main(int argc, char** argv) {
  if (argc < 3) {
    return 64;
  }
  memset(value, 'v', sizeof value);
  client = memcached_create(NULL);
  memcached_behavior_set(client, MEMCACHED_BEHAVIOR_TCP_NODELAY, 1);
  for (int i = 2; i < argc; ++i) {
    memcached_server_add(client, argv[1], (in_port_t)atoi(argv[i]));
  }
  char line[128];
  while (fgets(line, sizeof line, stdin) != NULL) {
    size_t count = 0;
    unsigned long long seed = 0;
    if (sscanf(line, "fill %zu", &count) == 1 && count <= keys_max) {
      fill(count);
    } else if (sscanf(line, "work %zu %llu", &count, &seed) == 2 && count <= calls_max) {
      work(count, seed);
    } else {
      return 64;
    }
    fflush(stdout);
  }
  memcached_free(client);
  return 0;
}
