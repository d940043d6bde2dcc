// Whether a sanitizer is built in: memory and times are not the product's own then.
#pragma once

namespace ringfence::live {

#ifndef __has_feature  // gcc tells by macros
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool is_sanitized = true;
#else
inline constexpr bool is_sanitized = false;
#endif

}  // namespace ringfence::live
