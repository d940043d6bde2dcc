// Threads that are cancelled where they wait, in a process under the preload: those that wait for
// something else end as they do without it, and one inside of a session takes nobody with it.
#include <gtest/gtest.h>

#include "tests/live/support/child.hpp"
#include "tests/live/support/preloaded.hpp"

namespace ringfence::live {
namespace {

TEST(PreloadCancelled, ThreadsThatWaitForOtherFilesAndInASessionThenTheyEndAndNobodyElse) {
  expect_preloaded();
  PortHost host;
  const std::string address = host.address();
  const RunOutcome outcome =
      run({"/usr/bin/env", "RINGFENCE_SEGMENT=" + host.segment(), program("cancelled_threads"),
           address.substr(address.rfind(':') + 1)});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.output,
            "read: cancelled\nrecv: cancelled\nreadv: cancelled\npoll: cancelled\n"
            "ppoll: cancelled\nselect: cancelled\nwrite: cancelled\nthe port: cancelled\n"
            "and the port answers\n");
}

}  // namespace
}  // namespace ringfence::live
