// What all connections share: versions, keys, certificates. See tls.hpp.
#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "agent/mesh/tls.hpp"

namespace ringfence::agent::mesh {
namespace {

// The PSK's hash is SHA-256, so AES-256 (SHA-384) is not offered with it.
constexpr const char* suites = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
constexpr unsigned char psk_suite[2] = {0x13, 0x01};  // TLS_AES_128_GCM_SHA256, RFC 8446 B.4

Error openssl_error(const std::string& what) {
  char text[256] = "no reason given";
  const unsigned long code = ERR_peek_error();
  if (code != 0) ERR_error_string_n(code, text, sizeof text);
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return Error{fmt::format("{}: {}", what, reason != nullptr ? reason : text)};
}

// The handshake's form of the cluster key, made anew for each connection.
SSL_SESSION* psk_session(SSL* ssl, const TlsContext& context) {
  const SSL_CIPHER* cipher = SSL_CIPHER_find(ssl, psk_suite);
  SSL_SESSION* session = cipher == nullptr ? nullptr : SSL_SESSION_new();
  if (session == nullptr) return nullptr;
  const MeshKey& key = context.key();
  if (SSL_SESSION_set1_master_key(session, key.data(), key.size()) == 1 &&
      SSL_SESSION_set_cipher(session, cipher) == 1 &&
      SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1) {
    return session;
  }
  SSL_SESSION_free(session);
  return nullptr;
}

const TlsContext& context_of(SSL* ssl) {
  return *static_cast<const TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

int offer_psk(SSL* ssl, const EVP_MD*, const unsigned char** id, std::size_t* id_length,
              SSL_SESSION** session) {
  const TlsContext& context = context_of(ssl);
  *session = psk_session(ssl, context);
  *id = reinterpret_cast<const unsigned char*>(context.identity().data());
  *id_length = context.identity().size();
  return *session != nullptr ? 1 : 0;
}

// Without a session the handshake goes on towards certificates, has none, and fails.
int find_psk(SSL* ssl, const unsigned char* id, std::size_t id_length, SSL_SESSION** session) {
  const TlsContext& context = context_of(ssl);
  *session = nullptr;
  const std::string_view named(reinterpret_cast<const char*>(id), id_length);
  if (named != context.identity()) {
    static_cast<TlsSession*>(SSL_get_app_data(ssl))->note_foreign_identity();
    return 1;
  }
  *session = psk_session(ssl, context);
  return *session != nullptr ? 1 : 0;
}

Status set_certificates(SSL_CTX* native, const MeshSettings& settings) {
  if (SSL_CTX_use_certificate_chain_file(native, settings.cert_file.c_str()) != 1) {
    return openssl_error("mesh.cert_file " + settings.cert_file);
  }
  if (SSL_CTX_use_PrivateKey_file(native, settings.private_key_file.c_str(), SSL_FILETYPE_PEM) !=
      1) {
    return openssl_error("mesh.private_key_file " + settings.private_key_file);
  }
  if (SSL_CTX_check_private_key(native) != 1) {
    return openssl_error(fmt::format("mesh.private_key_file {} does not belong to {}",
                                     settings.private_key_file, settings.cert_file));
  }
  if (SSL_CTX_load_verify_file(native, settings.ca_file.c_str()) != 1) {
    return openssl_error("mesh.ca_file " + settings.ca_file);
  }
  // The chain sent is what the file holds, not what the CA file could add.
  SSL_CTX_set_mode(native, SSL_MODE_NO_AUTO_CHAIN);
  return Done{};
}

// Never asked: a key file that needs a passphrase is an error, not a prompt on the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

SSL_CTX* make_native(const SSL_METHOD* method) {
  SSL_CTX* native = SSL_CTX_new(method);
  if (native == nullptr) return nullptr;
  const bool is_set = SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION) == 1 &&
                      SSL_CTX_set_max_proto_version(native, TLS1_3_VERSION) == 1 &&
                      SSL_CTX_set_ciphersuites(native, suites) == 1 &&
                      SSL_CTX_set_num_tickets(native, 0) == 1;
  if (!is_set) {
    SSL_CTX_free(native);
    return nullptr;
  }
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(native, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_default_passwd_cb(native, no_passphrase);
  // Who shows a certificate here under a PSK has no CA that vouches for it.
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return native;
}

}  // namespace

Status TlsContext::set_up(const MeshSettings& settings, const std::string& cluster) {
  ERR_clear_error();
  dialler_ = make_native(TLS_client_method());
  acceptor_ = make_native(TLS_server_method());
  if (dialler_ == nullptr || acceptor_ == nullptr) return openssl_error("TLS 1.3 set-up");
  SSL_CTX_set_app_data(dialler_, this);
  SSL_CTX_set_app_data(acceptor_, this);
  has_key_ = !settings.key_file.empty();
  if (has_key_) {
    const Result<MeshKey> key = load_mesh_key(settings.key_file, cluster);
    if (!key) return key.error();
    key_ = key.value();
    // Said in clear by who dials: tells a foreign cluster from a wrong key.
    identity_ = "ringfence mesh 1 " + cluster;
    // Who is dialled has no certificate to go on with when the key is not proved, and OpenSSL takes
    // no PSK where it is told to ask for one.
    SSL_CTX_set_verify(acceptor_, SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_psk_use_session_callback(dialler_, offer_psk);
    SSL_CTX_set_psk_find_session_callback(acceptor_, find_psk);
    return Done{};
  }
  if (Status secret = check_secret_file(settings.private_key_file); !secret) {
    return secret.error().in("mesh.private_key_file");
  }
  for (SSL_CTX* native : {dialler_, acceptor_}) {
    if (Status set = set_certificates(native, settings); !set) return set;
  }
  return Done{};
}

Result<std::unique_ptr<TlsContext>> TlsContext::make(const MeshSettings& settings,
                                                     const std::string& cluster) {
  std::unique_ptr<TlsContext> made(new TlsContext);
  if (Status status = made->set_up(settings, cluster); !status) return status.error();
  return made;
}

TlsContext::~TlsContext() {
  SSL_CTX_free(dialler_);
  SSL_CTX_free(acceptor_);
  OPENSSL_cleanse(key_.data(), key_.size());
}

}  // namespace ringfence::agent::mesh
