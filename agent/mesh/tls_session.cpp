// One connection's TLS over memory. See tls.hpp.
#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "agent/mesh/tls.hpp"

namespace ringfence::agent::mesh {
namespace {

// What the other side's alerts mean between two agents: without the key's proof it sends one of
// these (the number of an alert is OpenSSL's reason less 1000).
bool is_key_alert(int reason) {
  return reason == SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER ||
         reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE ||
         reason == SSL_R_TLSV1_ALERT_DECRYPT_ERROR || reason == SSL_R_SSLV3_ALERT_BAD_RECORD_MAC;
}

constexpr const char* key_advice = "compare mesh.key_file and `cluster` of both hosts";

}  // namespace

Result<std::unique_ptr<TlsSession>> TlsSession::make(const TlsContext& context, Side side) {
  std::unique_ptr<TlsSession> made(new TlsSession(context));
  made->ssl_ = SSL_new(context.native(side));
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  if (made->ssl_ == nullptr || in == nullptr || out == nullptr) {
    BIO_free(in);
    BIO_free(out);
    return Error{"no memory for a TLS session"};
  }
  SSL_set_bio(made->ssl_, in, out);
  SSL_set_app_data(made->ssl_, made.get());
  if (side == Side::dialler) {
    SSL_set_connect_state(made->ssl_);
  } else {
    SSL_set_accept_state(made->ssl_);
  }
  return made;
}

TlsSession::~TlsSession() {
  SSL_free(ssl_);
}

void TlsSession::feed(std::string_view wire_bytes) {
  BIO_write(SSL_get_rbio(ssl_), wire_bytes.data(), static_cast<int>(wire_bytes.size()));
}

Error TlsSession::failure(const char* what) const {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  const long verified = SSL_get_verify_result(ssl_);
  const char* words = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  if (has_foreign_identity_) {
    return Error{fmt::format("the key of another cluster; {}", key_advice)};
  }
  if (context_.has_key() && (reason == SSL_R_BINDER_DOES_NOT_VERIFY || is_key_alert(reason))) {
    return Error{fmt::format("a wrong cluster key; {}", key_advice)};
  }
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
    return Error{fmt::format("its certificate is not accepted: {}",
                             X509_verify_cert_error_string(verified))};
  }
  return Error{fmt::format("{}: {}", what, words != nullptr ? words : "the stream ended")};
}

Result<bool> TlsSession::advance() {
  if (SSL_is_init_finished(ssl_) == 1) return true;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result != 1) {
    if (SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ) return false;
    return failure("no TLS 1.3 handshake of ringfence");
  }
  // A handshake without the key's proof has failed above, for nobody has a certificate; should
  // that ever change, it ends here.
  if (context_.has_key() && SSL_session_reused(ssl_) != 1) return Error{"a wrong cluster key"};
  return true;
}

Result<std::size_t> TlsSession::read(char* place, std::size_t bytes_max) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_read_ex(ssl_, place, bytes_max, &count);
  if (result == 1) return count;
  const int error = SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_WANT_READ) return std::size_t{0};
  if (error == SSL_ERROR_ZERO_RETURN) return Error{"the other side closed the connection"};
  return failure("TLS");
}

Status TlsSession::write(std::string_view bytes) {
  if (bytes.empty()) return Done{};
  ERR_clear_error();
  std::size_t count = 0;
  // Into memory: all of it is taken, or the session is broken.
  if (SSL_write_ex(ssl_, bytes.data(), bytes.size(), &count) == 1 && count == bytes.size()) {
    return Done{};
  }
  return failure("TLS");
}

std::string TlsSession::output() {
  BIO* out = SSL_get_wbio(ssl_);
  std::string bytes(BIO_ctrl_pending(out), '\0');
  if (!bytes.empty()) BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

}  // namespace ringfence::agent::mesh
