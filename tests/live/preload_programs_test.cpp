// The preload in programs that never talk to memcached, and in those that must not be touched: they
// do what they do without it. Its file needs libc alone.
#include <gtest/gtest.h>
#include <unistd.h>

#include <ostream>
#include <string>
#include <vector>

#include "tests/live/support/child.hpp"
#include "tests/live/support/preloaded.hpp"
#include "tests/live/support/temp_dir.hpp"

namespace ringfence::live {
namespace {

struct Program {
  const char* name;
  std::vector<std::string> argv;
};

void PrintTo(const Program& program, std::ostream* out) {  // NOLINT: GoogleTest's name
  *out << program.name;
}

const std::string preload = library("libringfence-preload.so");

[[nodiscard]] RunOutcome run_without(std::vector<std::string> argv) {
  std::vector<std::string> all{"/usr/bin/env", "-u", "LD_PRELOAD"};
  all.insert(all.end(), argv.begin(), argv.end());
  return run(all, Milliseconds{60'000});
}
[[nodiscard]] RunOutcome run_under(const std::string& preloaded, std::vector<std::string> argv) {
  std::vector<std::string> all{"/usr/bin/env", "LD_PRELOAD=" + preloaded};
  all.insert(all.end(), argv.begin(), argv.end());
  return run(all, Milliseconds{60'000});
}

class PreloadPrograms : public testing::TestWithParam<Program> {};

TEST_P(PreloadPrograms, PreloadedThenTheSameOutputAndExit) {
  if (access(GetParam().argv.front().c_str(), X_OK) != 0) {
    GTEST_SKIP() << GetParam().argv.front() << " is not installed";
  }
  const RunOutcome plain = run_without(GetParam().argv);
  const RunOutcome preloaded = run_under(preload, GetParam().argv);
  EXPECT_EQ(preloaded.exit_code, plain.exit_code);
  EXPECT_EQ(preloaded.output, plain.output);
}

INSTANTIATE_TEST_SUITE_P(
    Of, PreloadPrograms,
    testing::Values(
        Program{"bash",
                {"/bin/bash", "-c",
                 "seq 1000 | sort -n | while read n; do echo $n; done | md5sum; "
                 "exec 9<>/dev/null; echo x >&9; (exit 3); echo $?; exit 5"}},
        Program{"dash", {"/bin/sh", "-c", "for i in 1 2 3; do (echo $i) & wait; done; kill -9 $$"}},
        Program{
            "python3",
            {"/usr/bin/python3", "-c",
             "import subprocess, socket, select, os, threading\n"
             "a, b = socket.socketpair()\n"
             "t = threading.Thread(target=lambda: a.sendall(b'x' * 100000))\n"
             "t.start()\n"
             "n = 0\n"
             "while n < 100000: n += len(b.recv(4096))\n"
             "t.join(); print(n, select.select([b], [b], [], 1)[1] == [b])\n"
             "print(subprocess.run(['echo', 'hi'], capture_output=True, close_fds=True).stdout)\n"
             "os.closerange(3, 4000); print(os.fork() > 0 or os._exit(0))\n"}},
        Program{"perl",
                {"/usr/bin/perl", "-e",
                 "print `echo hi`; open(F, '<', '/etc/passwd'); "
                 "print scalar(<F>); system('true'); print fork() ? '' : exit"}},
        Program{"php",
                {"/usr/bin/php", "-r",
                 "echo strlen(file_get_contents('/etc/passwd')) > 0; "
                 "echo shell_exec('echo hi');"}},
        Program{"node",
                {"/usr/bin/node", "-e",
                 "const net = require('net'); const s = net.createServer(c => c.pipe(c));"
                 "s.listen(0, '127.0.0.1', () => { const c = net.connect(s.address().port);"
                 "c.on('data', d => { console.log(String(d)); c.end(); s.close(); }); "
                 "c.write('hi'); });"
                 "console.log(String(require('child_process').execSync('echo sub')))"}},
        Program{"ruby", {"/usr/bin/ruby", "-e", "puts `echo hi`; Thread.new { puts 1 }.join"}},
        Program{"java", {"/usr/bin/java", "-Xshare:auto", "-version"}},
        Program{"static_busybox", {"/bin/busybox", "echo", "hi"}},
        Program{"setuid_su", {"/bin/su", "-c", "echo hi", "nobody", "-s", "/bin/sh"}}),
    [](const auto& instance) { return instance.param.name; });

TEST(PreloadLibrary, ItsFileThenNeedsLibcAloneAndExportsWhatItStandsInFrontOf) {
  const RunOutcome needed = run_without({"/bin/sh", "-c",
                                         "readelf -d '" + preload +
                                             "' | grep NEEDED | grep -v -e "
                                             "'\\[libc\\.so' -e '\\[ld-linux'"});
  EXPECT_EQ(needed.output, "");
  const RunOutcome exported =
      run_without({"/bin/sh", "-c",
                   "nm -D --defined-only '" + preload + "' | awk '{print $3}' | tr '\\n' ' '"});
  EXPECT_EQ(
      exported.output,
      "__poll_chk __ppoll_chk __read_chk __recv_chk __recvfrom_chk close close_range closefrom "
      "connect dlopen dup dup2 dup3 epoll_ctl fclose fcntl fcntl64 fdopen ioctl poll ppoll "
      "pselect read readv recv recvfrom recvmmsg recvmsg select send sendfile sendfile64 "
      "sendmmsg sendmsg sendto setsockopt shutdown splice syscall write writev ");
}

TEST(PreloadLibrary, ProgramWithAddressSanitizerThenItsRunTimeFirstAndBothWork) {
  const TempDir dir;
  const std::string source = dir.file("program.c");
  const std::string built = dir.file("program");
  const RunOutcome compiled = run_without(
      {"/bin/sh", "-c",
       "printf '#include <stdio.h>\\n#include <unistd.h>\\nint main(void){char b[2];int p[2];"
       "if(pipe(p)||write(p[1],\"hi\",2)!=2||read(p[0],b,2)!=2)return 1;puts(\"hi\");return 0;}' "
       "> " +
           source + " && cc -fsanitize=address -o " + built + " " + source});
  ASSERT_EQ(compiled.exit_code, 0) << compiled.output;
  const RunOutcome where = run_without({"/bin/sh", "-c", "cc -print-file-name=libasan.so"});
  std::string runtime = where.output;
  while (runtime.ends_with('\n')) runtime.pop_back();
  const RunOutcome outcome = run_under(runtime + ":" + preload, {built});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_EQ(outcome.output, "hi\n");
}

// One get by a program of its own, and what it tells of it at its end.
class PreloadSwitches : public testing::Test {
 protected:
  [[nodiscard]] RunOutcome ask(const std::vector<std::string>& environment,
                               const std::string& first = {}) {
    std::vector<std::string> all{"/usr/bin/env", "LD_PRELOAD=" + preload, "RINGFENCE_STATS=1",
                                 "RINGFENCE_SEGMENT=" + host_.segment()};
    all.insert(all.end(), environment.begin(), environment.end());
    const std::string address = host_.address();
    const std::string port = address.substr(address.rfind(':') + 1);
    const std::vector<std::string> program{
        "/usr/bin/python3", "-c",
        first + "import socket; s = socket.create_connection(('127.0.0.1', " + port +
            ")); f = s.makefile('rb')\n"
            "for i in range(8):\n"
            "  s.sendall(b'set k 0 0 1\\r\\n1\\r\\nget k\\r\\n')\n"
            "  print(b''.join(f.readline() for _ in range(4)))\n"};
    all.insert(all.end(), program.begin(), program.end());
    return run(all);
  }
  PortHost host_;
};

TEST_F(PreloadSwitches, OnThenInlineAndSaysSo) {
  const RunOutcome outcome = ask({});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.output.find("b'STORED\\r\\nVALUE k 0 1\\r\\n1\\r\\nEND\\r\\n'"),
            std::string::npos)
      << outcome.output;
  const std::uint64_t through_port = keys_through_port(host_);
  EXPECT_LE(through_port, 4U);
  const std::string told = "] " + std::to_string(16 - through_port) + " keys inline";
  EXPECT_NE(outcome.output.find(told), std::string::npos) << outcome.output;
}

TEST_F(PreloadSwitches, OffThenThroughThePort) {
  const RunOutcome outcome = ask({"RINGFENCE_PRELOAD=off"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.output.find(" keys inline"), std::string::npos) << outcome.output;
  EXPECT_EQ(keys_through_port(host_), 16U);
}

TEST_F(PreloadSwitches, SegmentThatMayNotBeReadThenThroughThePortAndSaysSo) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  const RunOutcome outcome =
      ask({}, "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.output.find("] 0 keys inline"), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("] 1 pools whose segment this user may not read"),
            std::string::npos)
      << outcome.output;
  EXPECT_EQ(keys_through_port(host_), 16U);
}

TEST_F(PreloadSwitches, SegmentThatIsNotThereThenThroughThePort) {
  const RunOutcome outcome = ask({"RINGFENCE_SEGMENT=/nowhere"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(keys_through_port(host_), 16U);
}

// What python prints of a library that it loads with RTLD_DEEPBIND.
[[nodiscard]] RunOutcome run_module(const std::string& setting, const std::string& function) {
  return run({"/usr/bin/env", setting, "LD_PRELOAD=" + preload, "/usr/bin/timeout", "20",
              "/usr/bin/python3", "-c",
              "import ctypes, os, sys\n"
              "module = ctypes.CDLL(sys.argv[1], mode=os.RTLD_NOW | os.RTLD_DEEPBIND)\n"
              "print(getattr(module, sys.argv[2])())\n",
              library("libpreload_module.so"), function},
             Milliseconds{60'000});
}

TEST(PreloadLoading, LibraryWhoseConstructorWaitsForAThreadThatSendsThenLoaded) {
  EXPECT_EQ(run_module("LANG=C", "preload_module_has_sent").output, "1\n");
}

TEST(PreloadLoading, DeepbindThenTakenBackUnlessThePreloadIsOff) {
  EXPECT_EQ(run_module("LANG=C", "preload_module_is_preloaded").output, "1\n");
  EXPECT_EQ(run_module("RINGFENCE_PRELOAD=off", "preload_module_is_preloaded").output, "0\n");
}

}  // namespace
}  // namespace ringfence::live
