// README's three commands that list backends, taken from its text, against commands that answer in
// the shape of the real ones.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>
#include <stdexcept>

#include "agent/discovery/list.hpp"
#include "tests/live/support/child.hpp"
#include "tests/live/support/temp_dir.hpp"

namespace ringfence::live {
namespace {

using Weights = std::map<std::string, std::uint32_t>;  // by address

// The block of README that begins with "#!/bin/sh" and "# NAME:".
std::string script_in_readme(const std::string& name) {
  const std::string readme = read_file(source("README.md"));
  const std::size_t begin = readme.find("#!/bin/sh\n# " + name + ":");
  const std::size_t end = readme.find("\n```\n", begin);
  if (begin == std::string::npos || end == std::string::npos) {
    throw std::runtime_error("README has no script " + name);
  }
  return readme.substr(begin, end + 1 - begin);
}

class DiscoveryReadme : public testing::Test {
 protected:
  void write_program(const std::string& name, const std::string& text) const {
    write_file(dir_.file(name), text);
    ASSERT_EQ(chmod(dir_.file(name).c_str(), S_IRWXU), 0);
  }
  // `program` prints the sample, if it is asked for `word`.
  void fake(const std::string& program, const std::string& word, const std::string& sample) const {
    write_program(program, "#!/bin/sh\ncase \"$*\" in *'" + word + "'*) exec cat '" +
                               source("tests/live/samples/" + sample) +
                               "' ;; esac\necho 'asked for something else' >&2\nexit 1\n");
  }
  [[nodiscard]] RunOutcome run_script(const std::string& name) const {
    write_program(name, script_in_readme(name));
    return run({"env", "PATH=" + dir_.path() + ":/usr/bin:/bin", dir_.file(name)});
  }
  [[nodiscard]] Weights listed_by(const std::string& name) const {
    const RunOutcome outcome = run_script(name);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    const auto list = agent::discovery::parse_list(outcome.output, name, {true, true});
    if (!list) throw std::runtime_error(list.error().message);
    Weights weights;
    for (const auto& backend : list.value()) weights[backend.address] = backend.weight;
    return weights;
  }
  void expect_failure(const std::string& script, const std::string& program) const {
    write_program(program, "#!/bin/sh\necho 'no credentials' >&2\nexit 255\n");
    EXPECT_NE(run_script(script).exit_code, 0);
  }
  TempDir dir_;
};

TEST_F(DiscoveryReadme, Ec2ThenAddressesAndWeightsOfTheInstances) {
  fake("aws", "Name=tag:Role,Values=memcached", "ec2.json");
  EXPECT_EQ(listed_by("backends-ec2"),
            (Weights{{"10.0.1.5:11211", 1}, {"10.0.1.6:11211", 2}, {"10.0.2.7:11211", 1}}));
  expect_failure("backends-ec2", "aws");
}

TEST_F(DiscoveryReadme, ConsulThenAddressPortAndWeightOfEachInstance) {
  fake("curl", "http://127.0.0.1:8500/v1/catalog/service/memcached", "consul.json");
  EXPECT_EQ(listed_by("backends-consul"),
            (Weights{{"10.0.1.5:11211", 1}, {"10.8.0.6:11311", 3}, {"[fd00::7]:11211", 1}}));
  expect_failure("backends-consul", "curl");
}

TEST_F(DiscoveryReadme, KubernetesThenPodsThatAreNotEnding) {
  fake("kubectl", "kubernetes.io/service-name=memcached", "kubernetes.json");
  EXPECT_EQ(
      listed_by("backends-kubernetes"),
      (Weights{{"10.244.1.5:11211", 1}, {"10.244.2.6:11211", 1}, {"[fd00:10:244::5]:11211", 1}}));
  expect_failure("backends-kubernetes", "kubectl");
}

}  // namespace
}  // namespace ringfence::live
