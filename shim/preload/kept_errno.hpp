// libc's calls leave errno alone when they succeed, and applications count on it.
#pragma once

#include <cerrno>

namespace ringfence::shim::preload {

class KeptErrno {
 public:
  KeptErrno() noexcept : kept_(errno) {}
  ~KeptErrno() { errno = kept_; }
  KeptErrno(const KeptErrno&) = delete;
  KeptErrno& operator=(const KeptErrno&) = delete;

 private:
  const int kept_;
};

}  // namespace ringfence::shim::preload
