// A program on libmemcached. Protocol of the pipe: README.md of this folder. Variants:
//   text, binary  each command waits for its answer, but for those that ask for none
//   buffered      text; writes are gathered and ask for no answer, a get sends them first. (The
//                 answers of version and stats are not read either then: they are left out.)
// libmemcached tries a server that it has lost again after 2 s: RETRY_TIMEOUT, here 1 s.
#define _POSIX_C_SOURCE 200809L  // strtok_r, fork
#include <libmemcached/memcached.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { key_bytes_max = 256, words_max = 4, line_bytes_max = 1024 };

struct words {
  char* at[words_max];
  char text[line_bytes_max];
};

struct keys {
  size_t count;
  char (*texts)[key_bytes_max];
};

static memcached_st* client;
static bool is_buffered;
static uint64_t token;

static void* allocate(size_t bytes) {
  void* memory = malloc(bytes == 0 ? 1 : bytes);
  if (memory == NULL) {
    abort();
  }
  return memory;
}

// --- the pipe

static bool read_words(struct words* words) {
  memset(words->at, 0, sizeof(words->at));
  if (fgets(words->text, sizeof(words->text), stdin) == NULL) {
    return false;
  }
  char* rest = NULL;
  char* word = strtok_r(words->text, " \n", &rest);
  for (int i = 0; i < words_max && word != NULL; ++i) {
    words->at[i] = word;
    word = strtok_r(NULL, " \n", &rest);
  }
  return words->at[0] != NULL;
}

static char* read_payload(size_t bytes) {
  char* value = allocate(bytes + 1);
  if (fread(value, 1, bytes + 1, stdin) != bytes + 1) {
    exit(0);
  }
  return value;
}

static struct keys read_keys(size_t count) {
  struct keys keys = {count, allocate(count * sizeof(*keys.texts))};
  for (size_t i = 0; i < count; ++i) {
    if (fgets(keys.texts[i], key_bytes_max, stdin) == NULL) {
      exit(0);
    }
    keys.texts[i][strcspn(keys.texts[i], "\n")] = '\0';
  }
  return keys;
}

static void show_error(memcached_return_t code) {
  printf("error %s\n", memcached_strerror(client, code));
}

static void show_outcome(memcached_return_t code, const char* done) {
  switch (code) {
    case MEMCACHED_SUCCESS:
      printf("%s\n", done);
      return;
    case MEMCACHED_NOTSTORED:
      printf("not_stored\n");
      return;
    case MEMCACHED_DATA_EXISTS:
      printf("exists\n");
      return;
    case MEMCACHED_NOTFOUND:
      printf("not_found\n");
      return;
    default:
      show_error(code);
  }
}

static void show_value(const char* name, size_t number, const char* value) {
  printf("%s %zu\n", name, number);
  fwrite(value, 1, number, stdout);
  putchar('\n');
}

// --- operations

static void get(const char* key) {
  size_t bytes = 0;
  uint32_t flags = 0;
  memcached_return_t code = MEMCACHED_ERROR;
  char* value = memcached_get(client, key, strlen(key), &bytes, &flags, &code);
  if (code == MEMCACHED_SUCCESS) {
    show_value("hit", bytes, value == NULL ? "" : value);
  } else if (code == MEMCACHED_NOTFOUND) {
    printf("miss\n");
  } else {
    show_error(code);
  }
  free(value);
}

// Asks for all at once and reads the answers as they come, with their cas tokens.
static memcached_return_t fetch(const struct keys* keys,
                                void (*take)(void*, const memcached_result_st*), void* context) {
  const char** texts = allocate(keys->count * sizeof(*texts));
  size_t* sizes = allocate(keys->count * sizeof(*sizes));
  for (size_t i = 0; i < keys->count; ++i) {
    texts[i] = keys->texts[i];
    sizes[i] = strlen(keys->texts[i]);
  }
  memcached_return_t code = memcached_mget(client, texts, sizes, keys->count);
  free(texts);
  free(sizes);
  if (memcached_failed(code)) {
    return code;
  }
  memcached_result_st result;
  memcached_result_create(client, &result);
  while (memcached_fetch_result(client, &result, &code) != NULL) {
    take(context, &result);
  }
  memcached_result_free(&result);
  return code == MEMCACHED_END || code == MEMCACHED_NOTFOUND ? MEMCACHED_SUCCESS : code;
}

struct copies {
  size_t count;
  uint64_t last_token;
  struct copy {
    char key[key_bytes_max];
    size_t bytes;
    char* value;
  } * list;
};

static void take_copy(void* context, const memcached_result_st* result) {
  struct copies* copies = context;
  struct copy* copy = &copies->list[copies->count++];
  snprintf(copy->key, sizeof(copy->key), "%.*s", (int)memcached_result_key_length(result),
           memcached_result_key_value(result));
  copy->bytes = memcached_result_length(result);
  copy->value = allocate(copy->bytes);
  if (copy->bytes > 0) {
    memcpy(copy->value, memcached_result_value(result), copy->bytes);
  }
  copies->last_token = memcached_result_cas(result);
}

static void get_many(const struct keys* keys, const char* only) {
  struct copies copies = {0, 0, allocate(keys->count * sizeof(*copies.list))};
  const memcached_return_t code = fetch(keys, take_copy, &copies);
  if (code != MEMCACHED_SUCCESS) {
    show_error(code);
  } else if (only == NULL) {
    printf("many %zu\n", copies.count);
  } else if (copies.count == 0) {
    printf("miss\n");
  } else {
    token = copies.last_token;
  }
  for (size_t i = 0; i < copies.count; ++i) {
    if (code == MEMCACHED_SUCCESS) {
      show_value(only == NULL ? copies.list[i].key : "hit", copies.list[i].bytes,
                 copies.list[i].value);
    }
    free(copies.list[i].value);
  }
  free(copies.list);
}

static void gets(const char* key) {
  struct keys keys = {1, allocate(sizeof(*keys.texts))};
  snprintf(keys.texts[0], key_bytes_max, "%s", key);
  memcached_behavior_set(client, MEMCACHED_BEHAVIOR_SUPPORT_CAS, 1);
  get_many(&keys, key);
  memcached_behavior_set(client, MEMCACHED_BEHAVIOR_SUPPORT_CAS, 0);
  free(keys.texts);
}

static memcached_return_t store(const char* verb, const char* key, time_t expiry, const char* value,
                                size_t bytes) {
  const size_t key_bytes = strlen(key);
  if (strcmp(verb, "add") == 0) {
    return memcached_add(client, key, key_bytes, value, bytes, expiry, 0);
  }
  if (strcmp(verb, "replace") == 0) {
    return memcached_replace(client, key, key_bytes, value, bytes, expiry, 0);
  }
  if (strcmp(verb, "append") == 0) {
    return memcached_append(client, key, key_bytes, value, bytes, expiry, 0);
  }
  if (strcmp(verb, "prepend") == 0) {
    return memcached_prepend(client, key, key_bytes, value, bytes, expiry, 0);
  }
  if (strcmp(verb, "cas") == 0) {
    return memcached_cas(client, key, key_bytes, value, bytes, expiry, 0, token);
  }
  return memcached_set(client, key, key_bytes, value, bytes, expiry, 0);
}

// What asks for no answer: to be followed by answered(). A buffered client is so all the time.
static void unanswered(void) {
  memcached_behavior_set(client, MEMCACHED_BEHAVIOR_NOREPLY, 1);
}

static void answered(void) {
  memcached_behavior_set(client, MEMCACHED_BEHAVIOR_NOREPLY, is_buffered);
}

static void show_sent(memcached_return_t code) {
  if (memcached_failed(code) && code != MEMCACHED_BUFFERED) {
    show_error(code);
  } else {
    printf("sent\n");
  }
}

static void set_many(time_t expiry, size_t count) {
  size_t failed = 0;
  for (size_t i = 0; i < count; ++i) {
    struct words pair;
    if (!read_words(&pair)) {
      exit(0);
    }
    const size_t bytes = strtoul(pair.at[1], NULL, 10);
    char* value = read_payload(bytes);
    const memcached_return_t code = store("set", pair.at[0], expiry, value, bytes);
    failed += code != MEMCACHED_SUCCESS && code != MEMCACHED_BUFFERED;
    free(value);
  }
  if (is_buffered) {
    failed += memcached_failed(memcached_flush_buffers(client));
  }
  if (failed > 0) {
    printf("not_stored %zu\n", failed);
  } else {
    printf("stored\n");
  }
}

static void delete_many(const struct keys* keys) {
  for (size_t i = 0; i < keys->count; ++i) {
    memcached_delete(client, keys->texts[i], strlen(keys->texts[i]), 0);
  }
  printf("deleted\n");
}

static void count(const char* verb, const char* key, uint64_t amount) {
  uint64_t result = 0;
  const memcached_return_t code =
      strcmp(verb, "incr") == 0
          ? memcached_increment(client, key, strlen(key), (uint32_t)amount, &result)
          : memcached_decrement(client, key, strlen(key), (uint32_t)amount, &result);
  if (code == MEMCACHED_SUCCESS) {
    printf("number %llu\n", (unsigned long long)result);
  } else {
    show_outcome(code, "");
  }
}

static void version(void) {
  const memcached_return_t code = memcached_version(client);
  if (code != MEMCACHED_SUCCESS) {
    show_error(code);
    return;
  }
  const memcached_instance_st* server = memcached_server_instance_by_position(client, 0);
  printf("version %u.%u.%u\n", memcached_server_major_version(server),
         memcached_server_minor_version(server), memcached_server_micro_version(server));
}

static void stats(void) {
  memcached_return_t code = MEMCACHED_ERROR;
  memcached_stat_st* numbers = memcached_stat(client, NULL, &code);
  if (code != MEMCACHED_SUCCESS) {
    show_error(code);
  } else {
    printf("%s\n", numbers != NULL && numbers[0].threads > 0 ? "stats" : "incomplete");
  }
  memcached_stat_free(client, numbers);
}

static const char* further(const char* key) {
  const size_t key_bytes = strlen(key);
  memcached_delete(client, key, key_bytes, 0);
  if (memcached_exist(client, key, key_bytes) != MEMCACHED_NOTFOUND) {
    return "failed exist of nothing";
  }
  memcached_set(client, key, key_bytes, "abc", 3, 0, 0xdeadbeef);
  if (memcached_exist(client, key, key_bytes) != MEMCACHED_SUCCESS) {
    return "failed exist";
  }
  size_t bytes = 0;
  uint32_t flags = 0;
  memcached_return_t code = MEMCACHED_ERROR;
  char* value = memcached_get_by_key(client, "group", 5, key, key_bytes, &bytes, &flags, &code);
  const bool is_right = value != NULL && bytes == 3 && memcmp(value, "abc", 3) == 0;
  free(value);
  if (!is_right || flags != 0xdeadbeef) {
    return "failed flags";
  }
  if (!memcached_behavior_get(client, MEMCACHED_BEHAVIOR_BINARY_PROTOCOL)) {
    return NULL;
  }
  uint64_t number = 0;
  memcached_delete(client, key, key_bytes, 0);
  memcached_increment_with_initial(client, key, key_bytes, 1, 41, 0, &number);
  return number == 41 ? NULL : "failed increment_with_initial";
}

static bool is_there(const char* key) {
  memcached_return_t code = MEMCACHED_ERROR;
  free(memcached_get(client, key, strlen(key), &(size_t){0}, &(uint32_t){0}, &code));
  return code == MEMCACHED_SUCCESS;
}

// A child that ends, its parent, then a child that goes on: all with the connection that was there.
static const char* forked(const char* key) {
  int status = 1;
  if (fork() == 0) {
    _exit(is_there(key) ? 0 : 1);
  }
  wait(&status);
  if (status != 0 || !is_there(key)) {
    return status != 0 ? "failed in the child" : "failed in the parent";
  }
  if (fork() != 0) {
    wait(&status);
    exit(0);
  }
  return "forked";
}

// --- which operation

static void perform_with_value(const struct words* words) {
  const char* verb = words->at[0];
  const size_t bytes = strtoul(words->at[3], NULL, 10);
  const time_t expiry = strtol(words->at[2], NULL, 10);
  char* value = read_payload(bytes);
  if (strcmp(verb, "set_noreply") == 0) {
    unanswered();
    show_sent(store(verb, words->at[1], expiry, value, bytes));
    answered();
  } else {
    show_outcome(store(verb, words->at[1], expiry, value, bytes), "stored");
  }
  free(value);
}

static void perform_with_many(const struct words* words) {
  if (strcmp(words->at[0], "set_many") == 0) {
    set_many(strtol(words->at[1], NULL, 10), strtoul(words->at[2], NULL, 10));
    return;
  }
  const struct keys keys = read_keys(strtoul(words->at[1], NULL, 10));
  if (strcmp(words->at[0], "get_many") == 0) {
    get_many(&keys, NULL);
  } else {
    delete_many(&keys);
  }
  free(keys.texts);
}

static void perform_with_key(const char* verb, const char* key, const char* number) {
  if (strcmp(verb, "get") == 0) {
    get(key);
  } else if (strcmp(verb, "gets") == 0) {
    gets(key);
  } else if (strcmp(verb, "delete") == 0) {
    show_outcome(memcached_delete(client, key, strlen(key), 0), "deleted");
  } else if (strcmp(verb, "delete_noreply") == 0) {
    unanswered();
    show_sent(memcached_delete(client, key, strlen(key), 0));
    answered();
  } else if (strcmp(verb, "touch") == 0) {
    show_outcome(memcached_touch(client, key, strlen(key), strtol(number, NULL, 10)), "touched");
  } else if (strcmp(verb, "extras") == 0) {
    const char* failure = further(key);
    printf("%s\n", failure == NULL ? "ok" : failure);
  } else if (strcmp(verb, "fork") == 0) {
    printf("%s\n", forked(key));
  } else {
    count(verb, key, strtoull(number, NULL, 10));
  }
}

static void perform(const struct words* words) {
  const char* verb = words->at[0];
  if (strcmp(verb, "abilities") == 0) {
    printf(is_buffered
               ? "abilities get gets set_noreply delete_noreply get_many set_many fork\n"
               : "abilities get gets set add replace append prepend cas set_noreply delete "
                 "delete_noreply touch incr decr get_many set_many delete_many flush version "
                 "stats extras fork\n");
  } else if (strstr(verb, "_many") != NULL) {
    perform_with_many(words);
  } else if (words->at[3] != NULL) {
    perform_with_value(words);
  } else if (strcmp(verb, "flush") == 0) {
    show_outcome(memcached_flush(client, 0), "flushed");
  } else if (strcmp(verb, "version") == 0) {
    version();
  } else if (strcmp(verb, "stats") == 0) {
    stats();
  } else {
    perform_with_key(verb, words->at[1], words->at[2]);
  }
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: %s HOST PORT text|binary|buffered\n", argv[0]);
    return 64;
  }
  client = memcached_create(NULL);
  is_buffered = strcmp(argv[3], "buffered") == 0;
  memcached_behavior_set(client, MEMCACHED_BEHAVIOR_RETRY_TIMEOUT, 1);
  memcached_behavior_set(client, MEMCACHED_BEHAVIOR_BINARY_PROTOCOL,
                         strcmp(argv[3], "binary") == 0);
  memcached_behavior_set(client, MEMCACHED_BEHAVIOR_TCP_NODELAY, 1);
  memcached_behavior_set(client, MEMCACHED_BEHAVIOR_BUFFER_REQUESTS, is_buffered);
  memcached_behavior_set(client, MEMCACHED_BEHAVIOR_NOREPLY, is_buffered);
  memcached_server_add(client, argv[1], (in_port_t)atoi(argv[2]));
  struct words words;
  while (read_words(&words)) {
    perform(&words);
    fflush(stdout);
  }
  memcached_free(client);
  return 0;
}
