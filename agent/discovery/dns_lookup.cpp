#include "agent/discovery/dns_lookup.hpp"

#include <ares.h>
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <map>
#include <utility>

namespace ringfence::agent::discovery {
namespace {

// A server that does not answer is asked again once, with twice the time, as c-ares does.
constexpr int try_ms = 2000;
constexpr int try_count = 2;
// How often c-ares may look at its own time-outs while a question is open.
constexpr std::uint64_t turn_ms = 100;

constexpr int families[] = {AF_INET, AF_INET6};

class Lookup final : public LoopOwned {
 public:
  Lookup(uv_loop_t* loop, std::string host, std::function<void(Result<Addresses>)> done)
      : loop_(loop), host_(std::move(host)), done_(std::move(done)) {
    uv_timer_init(loop, &turn_);
    own(turn_);
  }

  void start(const std::vector<std::string>& servers) {
    uv_timer_start(
        &turn_, [](uv_timer_t* timer) { static_cast<Lookup*>(timer->data)->on_turn(); }, 0,
        turn_ms);
    if (const int status = open(servers); status != ARES_SUCCESS) {
      failure_ = ares_strerror(status);
      return;  // told in the loop's next turn
    }
    ares_addrinfo_hints hints{};
    hints.ai_flags = ARES_AI_NOSORT;
    hints.ai_socktype = SOCK_STREAM;  // else each address comes once for every protocol
    for (const int family : families) {
      hints.ai_family = family;
      ++question_count_;
      ares_getaddrinfo(
          channel_, host_.c_str(), nullptr, &hints,
          [](void* self, int status, int, ares_addrinfo* found) {
            static_cast<Lookup*>(self)->on_answer(status, found);
          },
          this);
    }
  }

  void end() override {
    done_ = nullptr;
    if (channel_ != nullptr) ares_destroy(std::exchange(channel_, nullptr));
    close(turn_);
  }

 private:
  // A socket of c-ares that is waited for. Freed by the loop.
  struct Watched {
    uv_poll_t poll{};
    Lookup* owner = nullptr;
    ares_socket_t socket = ARES_SOCKET_BAD;
  };

  int open(const std::vector<std::string>& servers) {
    ares_options options{};
    options.timeout = try_ms;
    options.tries = try_count;
    options.sock_state_cb_data = this;
    options.sock_state_cb = [](void* self, ares_socket_t socket, int reads, int writes) {
      static_cast<Lookup*>(self)->watch(socket, reads != 0, writes != 0);
    };
    const int status = ares_init_options(
        &channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS) {
      channel_ = nullptr;
      return status;
    }
    if (servers.empty()) return status;
    std::string list;
    for (const std::string& server : servers) list += (list.empty() ? "" : ",") + server;
    return ares_set_servers_ports_csv(channel_, list.c_str());
  }

  void watch(ares_socket_t socket, bool reads, bool writes) {
    auto place = watched_.find(socket);
    if (!reads && !writes) {
      if (place == watched_.end()) return;
      // Before c-ares closes the socket: the loop must not look at its number again.
      uv_poll_stop(&place->second->poll);
      uv_close(reinterpret_cast<uv_handle_t*>(&place->second->poll),
               [](uv_handle_t* handle) { delete static_cast<Watched*>(handle->data); });
      watched_.erase(place);
      return;
    }
    if (place == watched_.end()) {
      auto* made = new Watched;
      made->owner = this;
      made->socket = socket;
      made->poll.data = made;
      if (uv_poll_init_socket(loop_, &made->poll, socket) != 0) {
        delete made;  // nothing is read from it: the question times out
        return;
      }
      place = watched_.emplace(socket, made).first;
    }
    uv_poll_start(&place->second->poll, (reads ? UV_READABLE : 0) | (writes ? UV_WRITABLE : 0),
                  [](uv_poll_t* handle, int status, int events) {
                    const Watched* watched = static_cast<Watched*>(handle->data);
                    watched->owner->on_ready(watched->socket, status, events);
                  });
  }

  void on_ready(ares_socket_t socket, int status, int events) {
    const bool reads = status < 0 || (events & UV_READABLE) != 0;
    const bool writes = status < 0 || (events & UV_WRITABLE) != 0;
    ares_process_fd(channel_, reads ? socket : ARES_SOCKET_BAD, writes ? socket : ARES_SOCKET_BAD);
    settle();
  }

  void on_turn() {
    if (channel_ != nullptr) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    settle();
  }

  void on_answer(int status, ares_addrinfo* found) {
    --question_count_;
    if (status == ARES_SUCCESS && found != nullptr) {
      for (const ares_addrinfo_node* node = found->nodes; node != nullptr; node = node->ai_next) {
        add(*node);
      }
      for (const ares_addrinfo_cname* name = found->cnames; name != nullptr; name = name->next) {
        add_ttl(name->ttl);
      }
    } else if (status != ARES_ENODATA) {
      failure_ = ares_strerror(status);  // no address of one kind is an answer
    }
    if (found != nullptr) ares_freeaddrinfo(found);
  }

  void add(const ares_addrinfo_node& node) {
    char text[INET6_ADDRSTRLEN] = {};
    const void* address = nullptr;
    if (node.ai_family == AF_INET) {
      address = &reinterpret_cast<const sockaddr_in*>(node.ai_addr)->sin_addr;
    } else if (node.ai_family == AF_INET6) {
      address = &reinterpret_cast<const sockaddr_in6*>(node.ai_addr)->sin6_addr;
    }
    if (address == nullptr) return;
    if (inet_ntop(node.ai_family, address, text, sizeof text) == nullptr) return;
    found_.ips.emplace_back(text);
    add_ttl(node.ai_ttl);
  }

  void add_ttl(std::int64_t ttl_s) {
    found_.ttl_s = has_ttl_ ? std::min(found_.ttl_s, ttl_s) : ttl_s;
    has_ttl_ = true;
  }

  // Outside of c-ares' own calls, since who is told may end this.
  void settle() {
    if (question_count_ != 0 || !done_) return;
    uv_timer_stop(&turn_);
    const auto done = std::exchange(done_, nullptr);
    if (failure_.empty()) return done(std::move(found_));
    done(Error{fmt::format("{}: {}", host_, failure_)});
  }

  uv_loop_t* loop_;
  std::string host_;
  std::function<void(Result<Addresses>)> done_;
  ares_channel channel_ = nullptr;
  std::map<ares_socket_t, Watched*> watched_;
  int question_count_ = 0;  // questions
  bool has_ttl_ = false;
  Addresses found_;
  std::string failure_;
  uv_timer_t turn_{};
};

}  // namespace

Source start_lookup(uv_loop_t* loop, const std::string& host,
                    const std::vector<std::string>& servers,
                    std::function<void(Result<Addresses>)> done) {
  auto* lookup = new Lookup(loop, host, std::move(done));
  lookup->start(servers);
  return Source(lookup);
}

}  // namespace ringfence::agent::discovery
