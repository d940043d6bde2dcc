// Certificates made for one test: a CA, and agents signed by it. libcrypto alone, no files of
// others.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "tests/live/mesh_rig.hpp"

namespace ringfence::live {

template <auto free_it>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    free_it(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;

struct Identity {
  Key key;
  Certificate certificate;
};

inline void add_extension(X509* certificate, X509* issuer, int id, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Signed by `ca`, or by itself and a CA when there is none. `valid_s`: from now; negative: expired.
inline Identity make_identity(const std::string& name, const Identity* ca, long valid_s = 3600) {
  Identity made;
  made.key.reset(EVP_EC_gen("P-256"));
  made.certificate.reset(X509_new());
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ca == nullptr ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
  X509_gmtime_adj(X509_getm_notAfter(certificate), valid_s);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509* issuer = ca == nullptr ? certificate : ca->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  add_extension(certificate, issuer, NID_basic_constraints,
                ca == nullptr ? "critical,CA:TRUE" : "critical,CA:FALSE");
  X509_sign(certificate, ca == nullptr ? made.key.get() : ca->key.get(), EVP_sha256());
  return made;
}

inline void write_certificate(const std::string& path, const Identity& identity) {
  FILE* file = std::fopen(path.c_str(), "w");
  PEM_write_X509(file, identity.certificate.get());
  std::fclose(file);
}
inline void write_key(const std::string& path, const Identity& identity, mode_t mode = 0600) {
  FILE* file = std::fopen(path.c_str(), "w");
  PEM_write_PrivateKey(file, identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  chmod(path.c_str(), mode);
}

// The settings of an agent `name` with a certificate, written into the rig's directory.
inline MeshSettings with_certificate(const MeshRig& rig, const std::string& name,
                                     const Identity& identity, const Identity& trusted) {
  MeshSettings settings;
  settings.listen = "127.0.0.1:0";
  settings.cert_file = rig.path(name + ".pem");
  settings.private_key_file = rig.path(name + ".key");
  settings.ca_file = rig.path(name + ".ca");
  write_certificate(settings.cert_file, identity);
  write_key(settings.private_key_file, identity);
  write_certificate(settings.ca_file, trusted);
  return settings;
}

}  // namespace ringfence::live
