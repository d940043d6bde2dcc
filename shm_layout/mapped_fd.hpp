// Lets Boost.Interprocess map a file by a descriptor that is already open and checked. Its own
// file_mapping opens by name, which may meanwhile name another file.
#pragma once

#include <boost/interprocess/detail/os_file_functions.hpp>
#include <boost/interprocess/mapped_region.hpp>

namespace ringfence::shm_layout {

// What boost::interprocess::mapped_region asks of a memory-mappable object.
class MappableFd {
 public:
  explicit MappableFd(int fd) : fd_(fd) {}
  [[nodiscard]] boost::interprocess::mapping_handle_t get_mapping_handle() const {
    return boost::interprocess::ipcdetail::mapping_handle_from_file_handle(fd_);
  }

 private:
  int fd_;
};

}  // namespace ringfence::shm_layout
