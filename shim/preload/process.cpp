#include "shim/preload/process.hpp"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

#include "shim/preload/early_watches.hpp"
#include "shim/preload/forked_mutex.hpp"
#include "shim/preload/kept_errno.hpp"
#include "shim/preload/real.hpp"
#include "shim/preload/times.hpp"
#include "shm_layout/segment_list.hpp"

namespace ringfence::shim::preload {

namespace {

// Between two looks at the directory of segments: a new one is found within this time.
constexpr std::int64_t between_looks_ns = shm_layout::ns_per_second;

// Never destroyed: other libraries' destructors may still use their connections.
alignas(Process) constinit unsigned char process_memory[sizeof(Process)]{};
constinit std::atomic<Process*> the_process{nullptr};
constinit pthread_once_t process_once = PTHREAD_ONCE_INIT;

// As segments name addresses: an IPv4 address in IPv6's form is the IPv4 address.
bool read_address(const sockaddr* from, socklen_t size, SocketAddress& address) noexcept {
  if (from == nullptr || size < sizeof(sa_family_t)) return false;
  if (from->sa_family == AF_UNIX) {
    const auto& path = reinterpret_cast<const sockaddr_un*>(from)->sun_path;
    const std::size_t room = size - offsetof(sockaddr_un, sun_path);
    const std::size_t length = size > offsetof(sockaddr_un, sun_path) ? strnlen(path, room) : 0;
    const auto made = length == 0 ? std::nullopt : unix_address({path, length});
    if (made) address = *made;
    return made.has_value();
  }
  if (from->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    auto& made = reinterpret_cast<sockaddr_in&>(address.storage);
    made.sin_family = AF_INET;
    made.sin_port = reinterpret_cast<const sockaddr_in*>(from)->sin_port;
    made.sin_addr = reinterpret_cast<const sockaddr_in*>(from)->sin_addr;
    address.size = sizeof(sockaddr_in);
    return true;
  }
  if (from->sa_family != AF_INET6 || size < sizeof(sockaddr_in6)) return false;
  const auto& inet6 = *reinterpret_cast<const sockaddr_in6*>(from);
  if (IN6_IS_ADDR_V4MAPPED(&inet6.sin6_addr)) {
    auto& made = reinterpret_cast<sockaddr_in&>(address.storage);
    made.sin_family = AF_INET;
    made.sin_port = inet6.sin6_port;
    std::memcpy(&made.sin_addr, inet6.sin6_addr.s6_addr + 12, sizeof made.sin_addr);
    address.size = sizeof(sockaddr_in);
    return true;
  }
  auto& made = reinterpret_cast<sockaddr_in6&>(address.storage);
  made.sin6_family = AF_INET6;
  made.sin6_port = inet6.sin6_port;
  made.sin6_addr = inet6.sin6_addr;
  address.size = sizeof(sockaddr_in6);
  return true;
}

// Acquire; pairs with the release in look_for_segments().
Overlay* after(const std::atomic<Overlay*>& next) noexcept {
  return next.load(std::memory_order_acquire);
}

void make_process() {
  the_process.store(new (process_memory) Process, std::memory_order_release);
}

}  // namespace

Process& process() noexcept {
  Process* made = the_process.load(std::memory_order_acquire);
  if (made != nullptr) return *made;
  pthread_once(&process_once, make_process);
  return *the_process.load(std::memory_order_acquire);
}

// Should it fail, there is no memory, and nothing that a child could find.
Process::Process() noexcept {
  (void)pthread_atfork(nullptr, nullptr, after_fork_in_child);
}

bool Process::is_wanted() noexcept {
  Wish wish = wish_.load(std::memory_order_relaxed);
  if (wish != Wish::unknown) return wish == Wish::on;
  const char* said = getenv("RINGFENCE_PRELOAD");
  const bool is_off = said != nullptr && std::string_view(said) == "off";
  // A program with more rights than who started it takes no advice from the environment.
  wish = is_off || getauxval(AT_SECURE) != 0 ? Wish::off : Wish::on;
  wish_.store(wish, std::memory_order_relaxed);
  return wish == Wish::on;
}

bool Process::is_own() const noexcept {
  return pid_.load(std::memory_order_relaxed) == getpid();
}

void Process::report() noexcept {
  if (!reports_at_exit_) report_at_exit();
  reports_at_exit_ = true;
}

// At most once a second; one stat of a directory that is not there, for most processes.
void Process::look_for_segments() noexcept {
  const char* said = getenv("RINGFENCE_SEGMENT");
  const std::string_view named = said == nullptr ? "" : said;
  const std::int64_t now_ns = shm_layout::coarse_ns();
  if (now_ns < next_look_ns_ && named == named_) return;
  next_look_ns_ = now_ns + between_looks_ns;
  try {
    named_ = named;
    std::vector<std::string> paths;
    if (!named.empty()) {
      paths.push_back(named_);
    } else if (auto listed = shm_layout::list_segments(shm_layout::default_segment_directory)) {
      paths = std::move(listed.value());
    }
    for (const std::string& path : paths) {
      std::atomic<Overlay*>* place = &overlays_;
      while (Overlay* known = place->load(std::memory_order_relaxed)) {
        if (known->path() == path) break;
        place = &known->next;
      }
      if (place->load(std::memory_order_relaxed) != nullptr) continue;
      // Release; pairs with the acquire in after(): whoever sees it, a forked child too, sees it
      // whole.
      place->store(new Overlay(path), std::memory_order_release);
      if (faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0 || errno != EACCES) continue;
      preload::count(Way::unreadable);
      report();
    }
    for (Overlay* each = after(overlays_); each != nullptr; each = after(each->next)) {
      each->refresh(shm_layout::boottime_ns());
    }
  } catch (...) {  // no memory: the connection goes without
  }
}

Overlay* Process::find(const sockaddr* address, socklen_t size) noexcept {
  const Uncancelled guard;
  SocketAddress target;
  if (!is_wanted() || !read_address(address, size, target)) return nullptr;
  const KeptErrno kept;
  const std::lock_guard lock(mutex_);
  look_for_segments();
  for (Overlay* each = after(overlays_); each != nullptr; each = after(each->next)) {
    if (each->is_live() && each->listens_at(target)) return each;
  }
  return nullptr;
}

Session* Process::take_session() noexcept {
  const std::lock_guard lock(mutex_);
  report();
  if (spare_sessions_.empty()) return new (std::nothrow) Session;
  Session* session = spare_sessions_.back();
  spare_sessions_.pop_back();
  return session;
}

void Process::overlay(int fd, Overlay& overlay) noexcept {
  const KeptErrno kept;
  const Uncancelled guard;
  if (!Descriptors::is_in_table(fd) || descriptors.is_known(fd)) return;
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) return;
  Session* session = take_session();
  if (session == nullptr) return;
  const bool is_nonblocking = (real::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
  if (!session->adopt(fd, overlay, is_nonblocking)) return;
  const auto timeout_of = [fd](int option) {
    timeval time{};
    socklen_t bytes = sizeof time;
    if (getsockopt(fd, SOL_SOCKET, option, &time, &bytes) != 0) return std::int64_t{0};
    return ns_of(&time);
  };
  session->set_receive_timeout(timeout_of(SO_RCVTIMEO));
  session->set_send_timeout(timeout_of(SO_SNDTIMEO));
  descriptors.put(fd, session);
  epoll_event event{};
  const int epoll_fd = early_watches.find(fd, event);
  if (epoll_fd >= 0) (void)session->watch(epoll_fd, EPOLL_CTL_MOD, &event);
}

bool Process::overlay_refused(int fd, Overlay& overlay) noexcept {
  if (!overlay.has_lease()) return false;
  const Uncancelled guard;
  this->overlay(fd, overlay);
  const SessionReference session = session_of(fd);
  if (!session) return false;
  if (session->stand_in()) return true;
  forget(fd);
  return false;
}

bool Process::is_of_another(int fd, const Overlay* overlay) noexcept {
  const Uncancelled guard;
  const SessionReference session = session_of(fd, Sessions::all);
  return session && &session->overlay() != overlay;
}

void Process::recycle(Session* session) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    spare_sessions_.push_back(session);
  } catch (...) {  // lost to nobody's harm
  }
}

void Process::forget(int fd) noexcept {
  const KeptErrno kept;
  const Uncancelled guard;
  if (Session* session = descriptors.session(fd)) {
    if (descriptors.remove(fd, session)) session->detach();
  } else if (descriptors.is_epoll(fd)) {
    descriptors.clear(fd);
    for (int other = 0; other < descriptors.end(); ++other) {
      if (const SessionReference watched = session_of(other)) watched->forget_epoll(fd);
    }
  }
}

void Process::forget_replaced(int fd) noexcept {
  const Uncancelled guard;
  const KeptErrno kept;
  const SessionReference session = session_of(fd, Sessions::all);
  if (session && session->is_replaced()) forget(fd);
}

// Every file of ours is the parent's: closing it sends nothing, because the parent has it open.
void Process::after_fork_in_child() {
  const Uncancelled guard;
  Process& own = process();
  own.pid_.store(getpid(), std::memory_order_relaxed);
  counters::after_fork_in_child();
  for (int fd = 0; fd < descriptors.end(); ++fd) {
    if (descriptors.hidden(fd) == nullptr) continue;
    descriptors.clear(fd);
    real::close(fd);
  }
  for (int fd = 0; fd < descriptors.end(); ++fd) {
    if (Session* session = descriptors.session(fd)) session->after_fork_in_child();
  }
  for (Overlay* each = after(own.overlays_); each != nullptr; each = after(each->next)) {
    each->after_fork_in_child();
  }
  for (std::atomic<std::uint64_t>& count : way_counts) count.store(0, std::memory_order_relaxed);
  if (take_over(own.mutex_)) return;
  new (&own.named_) std::string;
  new (&own.spare_sessions_) std::vector<Session*>;
}

}  // namespace ringfence::shim::preload
