// Agents that prove themselves with certificates of one CA, and those that cannot.
#include "tests/live/mesh_certificates.hpp"

#include <gtest/gtest.h>

namespace ringfence::live {
namespace {

class MeshCertificatesTest : public testing::Test {
 protected:
  // `a` dials `b`, and neither comes up.
  void expect_apart(MeshAgent& a, MeshAgent& b) {
    a.mesh->dial({b.address});
    rig.turn_for(Milliseconds{500});
    EXPECT_TRUE(a.told.ups.empty() && b.told.ups.empty());
  }
  MeshRig rig;
  const Identity ca = make_identity("the CA", nullptr);
  const Identity other_ca = make_identity("another CA", nullptr);
};

TEST_F(MeshCertificatesTest, OfOneCaThenUpAndBytesArrive) {
  MeshAgent& a = rig.start(1, with_certificate(rig, "a", make_identity("a", &ca), ca));
  MeshAgent& b = rig.start(2, with_certificate(rig, "b", make_identity("b", &ca), ca));
  a.mesh->dial({b.address});
  ASSERT_TRUE(rig.until_up(a, b)) << a.last_error();
  ASSERT_TRUE(a.mesh->send(b.id, Channel::core, "x"));
  EXPECT_TRUE(rig.until([&] { return b.told.messages.size() == 1; }));
}

TEST_F(MeshCertificatesTest, WhoDialsIsOfAnotherCaThenRefused) {
  MeshAgent& a = rig.start(1, with_certificate(rig, "a", make_identity("a", &other_ca), ca));
  MeshAgent& b = rig.start(2, with_certificate(rig, "b", make_identity("b", &ca), ca));
  expect_apart(a, b);
  EXPECT_TRUE(b.has_logged("its certificate is not accepted"));
}

TEST_F(MeshCertificatesTest, WhoIsDialledIsOfAnotherCaThenRefused) {
  MeshAgent& a = rig.start(1, with_certificate(rig, "a", make_identity("a", &ca), ca));
  MeshAgent& b = rig.start(2, with_certificate(rig, "b", make_identity("b", &other_ca), ca));
  expect_apart(a, b);
  EXPECT_NE(a.last_error().find("its certificate is not accepted"), std::string::npos)
      << a.last_error();
}

TEST_F(MeshCertificatesTest, ExpiredThenRefusedWithTheReason) {
  MeshAgent& a = rig.start(1, with_certificate(rig, "a", make_identity("a", &ca, -60), ca));
  MeshAgent& b = rig.start(2, with_certificate(rig, "b", make_identity("b", &ca), ca));
  expect_apart(a, b);
  EXPECT_TRUE(b.has_logged("certificate has expired"));
}

TEST_F(MeshCertificatesTest, OneWithAKeyAndOneWithACertificateThenRefused) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(2, with_certificate(rig, "b", make_identity("b", &ca), ca));
  expect_apart(a, b);
  b.mesh->dial({a.address});
  a.mesh->dial({});
  rig.turn_for(Milliseconds{300});
  EXPECT_TRUE(a.told.ups.empty() && b.told.ups.empty());
}

TEST_F(MeshCertificatesTest, PrivateKeyOfAnotherCertificateThenItDoesNotStart) {
  const MeshSettings settings = with_certificate(rig, "a", make_identity("a", &ca), ca);
  write_key(settings.private_key_file, ca);
  EXPECT_NE(rig.start_error(settings).find("mesh.private_key_file"), std::string::npos);
}

TEST_F(MeshCertificatesTest, PrivateKeyThatOthersMayReadThenItDoesNotStart) {
  const MeshSettings settings = with_certificate(rig, "a", make_identity("a", &ca), ca);
  chmod(settings.private_key_file.c_str(), 0644);
  EXPECT_NE(rig.start_error(settings).find("chmod o= "), std::string::npos);
}

TEST_F(MeshCertificatesTest, FilesThatAreNotThereThenItDoesNotStartAndSaysWhich) {
  MeshSettings settings = with_certificate(rig, "a", make_identity("a", &ca), ca);
  settings.ca_file = rig.path("nothing");
  EXPECT_NE(rig.start_error(settings).find("mesh.ca_file " + settings.ca_file), std::string::npos);
  settings.cert_file = rig.path("nothing");
  EXPECT_NE(rig.start_error(settings).find("mesh.cert_file " + settings.cert_file),
            std::string::npos);
}

}  // namespace
}  // namespace ringfence::live
