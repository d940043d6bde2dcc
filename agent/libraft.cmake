# libraft 0.22 or newer, linked statically: a package built here installs where there are no
# backports. Debian 12's own 0.15 commits entries of old terms by counting replicas and loses them.
pkg_check_modules(RAFT QUIET raft)
if(NOT RAFT_FOUND)
  message(FATAL_ERROR "libraft-dev is not installed: run tools/setup")
endif()
if(RAFT_VERSION VERSION_LESS 0.22)
  message(FATAL_ERROR "libraft is ${RAFT_VERSION}, and 0.22 or newer is needed (older ones lose "
    "acknowledged entries): run tools/setup, which takes it from Debian's backports")
endif()
pkg_get_variable(RAFT_LIBDIR raft libdir)
find_library(RAFT_ARCHIVE NAMES libraft.a HINTS ${RAFT_LIBDIR})
find_library(LZ4_ARCHIVE NAMES liblz4.a)
find_path(RAFT_INCLUDE raft/uv.h HINTS ${RAFT_INCLUDE_DIRS})
foreach(part RAFT_ARCHIVE LZ4_ARCHIVE RAFT_INCLUDE)
  if(NOT ${part})
    message(FATAL_ERROR "${part} was not found (libraft-dev, liblz4-dev): run tools/setup")
  endif()
endforeach()

add_library(ringfence_libraft INTERFACE)
target_include_directories(ringfence_libraft SYSTEM INTERFACE ${RAFT_INCLUDE})
target_link_libraries(ringfence_libraft INTERFACE ${RAFT_ARCHIVE} ${LZ4_ARCHIVE} PkgConfig::LIBUV)
add_library(ringfence::libraft ALIAS ringfence_libraft)
