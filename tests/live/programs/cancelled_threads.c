// Threads that are cancelled where they wait in libc, one after the other, and one that talks to
// the port at the same time. Says of each how it ended.
//   cancelled_threads [PORT]
#define _GNU_SOURCE  // ppoll
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int ends[2];  // nothing ever comes

static void wait_in_read(void) {
  char byte;
  (void)!read(ends[0], &byte, 1);
}
static void wait_in_recv(void) {
  char byte;
  recv(ends[0], &byte, 1, 0);
}
static void wait_in_readv(void) {
  char byte;
  struct iovec piece = {&byte, 1};
  (void)!readv(ends[0], &piece, 1);
}
static void wait_in_poll(void) {
  struct pollfd waited = {.fd = ends[0], .events = POLLIN};
  poll(&waited, 1, -1);
}
static void wait_in_ppoll(void) {
  struct pollfd waited = {.fd = ends[0], .events = POLLIN};
  ppoll(&waited, 1, NULL, NULL);
}
static void wait_in_select(void) {
  fd_set waited;
  FD_ZERO(&waited);
  FD_SET(ends[0], &waited);
  select(ends[0] + 1, &waited, NULL, NULL, NULL);
}
static void wait_in_write(void) {
  static char bytes[1 << 20];
  for (;;) {
    (void)!write(ends[0], bytes, sizeof bytes);
  }
}

static int port;  // 0: nobody's

static void ask(int fd) {
  static const char stored[] = "STORED\r\n";
  char answer[sizeof stored];
  size_t got = 0;
  if (write(fd, "set cancelled 0 0 1\r\nx\r\n", 24) != 24) abort();
  while (got < strlen(stored)) {
    const ssize_t more = read(fd, answer + got, strlen(stored) - got);
    if (more <= 0) abort();
    got += (size_t)more;
  }
  if (memcmp(answer, stored, strlen(stored)) != 0) abort();
}
static int connect_to_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (const struct sockaddr*)&address, sizeof address) != 0) abort();
  return fd;
}
static void talk_to_port(void) {
  const int fd = connect_to_port();
  for (;;) {
    ask(fd);
  }
}

static void* run(void* wait) {
  ((void (*)(void))wait)();
  return NULL;
}

static void cancel(const char* name, void (*wait)(void)) {
  const struct timespec a_while = {.tv_nsec = 50 * 1000 * 1000};
  pthread_t thread;
  void* outcome = NULL;
  pthread_create(&thread, NULL, run, (void*)wait);
  nanosleep(&a_while, NULL);
  pthread_cancel(thread);
  pthread_join(thread, &outcome);
  printf("%s: %s\n", name, outcome == PTHREAD_CANCELED ? "cancelled" : "went on");
}

int main(int argc, char** argv) {
  if (argc > 1) {
    port = atoi(argv[1]);
  }
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;
  cancel("read", wait_in_read);
  cancel("recv", wait_in_recv);
  cancel("readv", wait_in_readv);
  cancel("poll", wait_in_poll);
  cancel("ppoll", wait_in_ppoll);
  cancel("select", wait_in_select);
  cancel("write", wait_in_write);
  if (port != 0) {
    cancel("the port", talk_to_port);
    ask(connect_to_port());
    puts("and the port answers");
  }
  return 0;
}
