// What a call costs on a descriptor that has nothing to do with memcached, in a process that has a
// connection to ringfence's port (or to memcached) besides.
//   preload_calls PORT
// Reads lines, and answers each: "NS_OF_WRITE NS_OF_POLL", of one call: CPU time of the thread, so
// that others who use the machine are not counted.
#define _POSIX_C_SOURCE 200809L  // clock_gettime
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { calls = 50000 };

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int connect_and_ask(in_port_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  char answer[64];
  if (connect(fd, (const struct sockaddr*)&address, sizeof address) != 0 ||
      write(fd, "get a\r\n", 7) != 7 || read(fd, answer, sizeof answer) != 5) {
    perror("preload_calls: the port");
    exit(1);
  }
  return fd;
}

int main(int argc, char** argv) {
  if (argc != 2) {
    return 64;
  }
  const int connected = connect_and_ask((in_port_t)atoi(argv[1]));
  const int sink = open("/dev/null", O_WRONLY);
  int ends[2];
  if (sink < 0 || pipe(ends) != 0 || write(ends[1], "x", 1) != 1) {
    return 1;
  }
  struct pollfd waiting = {.fd = ends[0], .events = POLLIN};
  char line[16];
  while (fgets(line, sizeof line, stdin) != NULL) {
    ssize_t done = 0;
    const int64_t begun = now_ns();
    for (int i = 0; i < calls; ++i) {
      done += write(sink, "x", 1);
    }
    const int64_t between = now_ns();
    for (int i = 0; i < calls; ++i) {
      done += poll(&waiting, 1, 0);
    }
    const int64_t end = now_ns();
    if (done != 2 * calls) {
      return 1;
    }
    printf("%.2f %.2f\n", (double)(between - begun) / calls, (double)(end - between) / calls);
    fflush(stdout);
  }
  return close(connected);
}
