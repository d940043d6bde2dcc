#include "tools/shmdump/layout_table.hpp"

#include <fmt/format.h>

#include <string>

#include "shm_layout/layout.hpp"
#include "tools/shmdump/print.hpp"

namespace ringfence::shmdump {
namespace {

using shm_layout::BackendInfo;
using shm_layout::BackendRecord;
using shm_layout::Control;
using shm_layout::Identity;
using shm_layout::InterceptInfo;
using shm_layout::InterceptRecord;
using shm_layout::Segment;

constexpr std::size_t control = offsetof(Segment, control);

// A macro, because only it can name a member once and take its offset, its size and its name.
#define RINGFENCE_FIELD(base, type, member, meaning)                        \
  Field {                                                                   \
    (base) + offsetof(type, member), sizeof(type::member), #member, meaning \
  }

std::string rows(const std::vector<Field>& fields) {
  std::string text;
  for (const Field& field : fields) {
    std::string row =
        fmt::format("{:>7} {:>7}  {:<26} {}", field.offset, field.bytes, field.name, field.meaning);
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + "\n";
  }
  return text;
}

}  // namespace

const std::vector<Field>& identity_fields() {
  static const std::vector<Field> fields = {
      RINGFENCE_FIELD(0, Identity, magic, "\"RNGFENC1\""),
      RINGFENCE_FIELD(0, Identity, major, "version of the layout"),
      RINGFENCE_FIELD(0, Identity, minor, "grows with each field that is added"),
      RINGFENCE_FIELD(0, Identity, oldest_reader, "oldest major whose readers understand it"),
      RINGFENCE_FIELD(0, Identity, ready, "\"RADY\", stored last"),
      RINGFENCE_FIELD(0, Identity, segment_bytes, "of the whole segment"),
      RINGFENCE_FIELD(0, Identity, control_offset, ""),
      RINGFENCE_FIELD(0, Identity, intercept_offset, ""),
      RINGFENCE_FIELD(0, Identity, intercept_count, ""),
      RINGFENCE_FIELD(0, Identity, intercept_bytes, "of one record"),
      RINGFENCE_FIELD(0, Identity, backend_offset, ""),
      RINGFENCE_FIELD(0, Identity, backend_count, ""),
      RINGFENCE_FIELD(0, Identity, backend_bytes, "of one record"),
      RINGFENCE_FIELD(0, Identity, slot_offset, ""),
      RINGFENCE_FIELD(0, Identity, slot_count, ""),
      RINGFENCE_FIELD(0, Identity, reserved, "0"),
      RINGFENCE_FIELD(0, Identity, cluster_id, "of this life of the fleet"),
      RINGFENCE_FIELD(0, Identity, boot_id, "whose clocks the deadlines are of"),
      RINGFENCE_FIELD(0, Identity, created_unix_ns, "for people only"),
      RINGFENCE_FIELD(0, Identity, cluster, "NUL-terminated, like all texts"),
      RINGFENCE_FIELD(0, Identity, instance, ""),
      RINGFENCE_FIELD(0, Identity, pool, ""),
  };
  return fields;
}

const std::vector<Field>& control_fields() {
  static const std::vector<Field> fields = {
      RINGFENCE_FIELD(control, Control, deadline_coarse_ns, "lease's end for route()"),
      RINGFENCE_FIELD(control, Control, deadline_boottime_ns, "lease's end for validate()"),
      RINGFENCE_FIELD(control, Control, heartbeat_boottime_ns, "when the agent last turned"),
      RINGFENCE_FIELD(control, Control, pool_word, "tags, hash tag, salt"),
      RINGFENCE_FIELD(control, Control, connection_budget,
                      "of the preload, to one backend; 0: 512"),
      RINGFENCE_FIELD(control, Control, answer_word,
                      "how failures are told, and when; 0: by default"),
      RINGFENCE_FIELD(control, Control, reserved_line, "0"),
      RINGFENCE_FIELD(control, Control, epoch, "of the last view published whole"),
      RINGFENCE_FIELD(control, Control, digest, "of that view"),
      RINGFENCE_FIELD(control, Control, publish_sequence, "odd while a view is being published"),
      RINGFENCE_FIELD(control, Control, publish_interrupted_count, "takeovers that found it odd"),
      RINGFENCE_FIELD(control, Control, takeover_count, "agents that continued this segment"),
      RINGFENCE_FIELD(control, Control, agent_incarnation, ""),
      RINGFENCE_FIELD(control, Control, term, "highest that was acknowledged in"),
      RINGFENCE_FIELD(control, Control, state, "1 open, 2 closed, 3 replaced"),
      RINGFENCE_FIELD(control, Control, agent_pid, ""),
  };
  return fields;
}

const std::vector<Field>& array_fields() {
  static const std::vector<Field> fields = {
      RINGFENCE_FIELD(0, Segment, intercepts, "records: sequence (8), words"),
      RINGFENCE_FIELD(0, Segment, backends, "records: sequence (8), words"),
      RINGFENCE_FIELD(0, Segment, slots, "one word each"),
  };
  return fields;
}

const std::vector<Field>& backend_fields() {
  static const std::vector<Field> fields = {
      RINGFENCE_FIELD(0, BackendInfo, family, "4, 6, 1 unix path, 0 none"),
      RINGFENCE_FIELD(0, BackendInfo, port, "host byte order"),
      RINGFENCE_FIELD(0, BackendInfo, weight, ""),
      RINGFENCE_FIELD(0, BackendInfo, ip, "network byte order"),
      RINGFENCE_FIELD(0, BackendInfo, incarnation, "grows with each admission"),
      RINGFENCE_FIELD(0, BackendInfo, serving, "1, or 0 when lost"),
      RINGFENCE_FIELD(0, BackendInfo, slot_count, ""),
      RINGFENCE_FIELD(0, BackendInfo, text, "host:port or path"),
  };
  return fields;
}

const std::vector<Field>& intercept_fields() {
  static const std::vector<Field> fields = {
      RINGFENCE_FIELD(0, InterceptInfo, family, "as of a backend"),
      RINGFENCE_FIELD(0, InterceptInfo, port, "host byte order"),
      RINGFENCE_FIELD(0, InterceptInfo, reserved, "0"),
      RINGFENCE_FIELD(0, InterceptInfo, ip, "network byte order"),
      RINGFENCE_FIELD(0, InterceptInfo, text, "host:port or path"),
  };
  return fields;
}

std::string layout_text() {
  std::string text =
      fmt::format("layout {}.{}, {} bytes\n\n{:>7} {:>7}  {:<26} {}\n", shm_layout::layout_major,
                  shm_layout::layout_minor, sizeof(Segment), "offset", "bytes", "field", "meaning");
  text += "identity: written once\n" + rows(identity_fields());
  text += "control: two cache lines\n" + rows(control_fields());
  text += fmt::format("arrays: {} intercepts of {}, {} backends of {}, {} slots of 8\n",
                      shm_layout::intercept_count_max, sizeof(InterceptRecord),
                      shm_layout::backend_count_max, sizeof(BackendRecord), shm_layout::slot_count);
  text += rows(array_fields());
  text += "words of a backend\n" + rows(backend_fields());
  text += "words of an intercept\n" + rows(intercept_fields());
  return text;
}

}  // namespace ringfence::shmdump
