#include "common/projector/parking.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "epigrid/internal/v1/projector_state.pb.h"

namespace epigrid {
namespace {

// Leading zeros, so that fields sort as numbers do.
constexpr size_t kOffsetDigits = 20;

template <typename Number>
bool ParseNumber(std::string_view text, Number& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string Waiting::ToField() const {
  std::string field = fmt::format("{:0{}}", offset, kOffsetDigits);
  if (event_index.has_value()) field += fmt::format("-{:03}", *event_index);
  return field;
}

std::optional<Waiting> Waiting::FromField(std::string_view field) {
  Waiting waiting;
  if (!ParseNumber(field.substr(0, kOffsetDigits), waiting.offset)) return std::nullopt;
  if (field.size() <= kOffsetDigits) return waiting;
  uint32_t index = 0;
  if (!ParseNumber(field.substr(kOffsetDigits + 1), index)) return std::nullopt;
  waiting.event_index = index;
  return waiting;
}

std::string WaitingCell(Offset root) { return fmt::format("{}{}", kParkedPrefix, root); }

std::string HeldTimersCell(std::string_view entity) {
  return fmt::format("parked-timers:{}", entity);
}

std::optional<ParkedRecords> ParkedRecords::Decode(const std::string& bytes) {
  internal::v1::ParkedRecords stored;
  if (!stored.ParseFromString(bytes)) return std::nullopt;
  ParkedRecords parked;
  for (const internal::v1::ParkedRoot& root : stored.roots()) {
    parked.roots_.push_back(
        {root.offset(), root.reason(), {root.entities().begin(), root.entities().end()}});
  }
  return parked;
}

const ParkedRoot* ParkedRecords::Find(Offset root) const {
  auto found = std::find_if(roots_.begin(), roots_.end(),
                            [&](const ParkedRoot& each) { return each.offset == root; });
  return found == roots_.end() ? nullptr : &*found;
}

ParkedRoot* ParkedRecords::FindMutable(Offset root) { return const_cast<ParkedRoot*>(Find(root)); }

std::optional<Offset> ParkedRecords::BlockedBy(const std::vector<std::string>& entities,
                                               Offset offset, Offset waited_for) const {
  const Offset outlived = offset == waited_for ? 0 : waited_for;
  for (const ParkedRoot& root : roots_) {
    if (root.offset <= outlived || root.offset >= offset) continue;
    for (const std::string& entity : entities) {
      if (root.entities.contains(entity)) return root.offset;
    }
  }
  return std::nullopt;
}

void ParkedRecords::Park(Offset offset, std::string_view reason,
                         const std::vector<std::string>& entities, Cells& cells) {
  EPIGRID_CHECK(Find(offset) == nullptr, "a record parks once");
  roots_.push_back({offset, std::string(reason), {entities.begin(), entities.end()}});
  AddWaiting(offset, {offset, std::nullopt}, cells);
  Write(cells);
}

void ParkedRecords::ParkBehind(Offset root, const Waiting& waiting,
                               const std::vector<std::string>& entities, Cells& cells) {
  ParkedRoot* found = FindMutable(root);
  EPIGRID_CHECK(found != nullptr, "only a parked record is waited for");
  found->entities.insert(entities.begin(), entities.end());
  AddWaiting(root, waiting, cells);
  Write(cells);
}

void ParkedRecords::Hold(std::string_view entity, const Timer& timer, Cells& cells) {
  cells.SetMember(HeldTimersCell(entity), timer.id, fmt::format("{}", timer.due.micros));
}

void ParkedRecords::ArmHeld(std::string_view entity, Cells& cells) {
  const std::string cell = HeldTimersCell(entity);
  for (const auto& [id, value] : cells.GetMembers(cell)) {
    Time due;
    EPIGRID_CHECK(ParseNumber(value, due.micros), "a timer that is held does not parse");
    cells.MoveTimer(id, {}, due);
  }
  cells.DeleteMembers(cell);
}

void ParkedRecords::Release(Offset root, Cells& cells) {
  std::erase_if(roots_, [&](const ParkedRoot& each) { return each.offset == root; });
  Write(cells);
}

void ParkedRecords::AddWaiting(Offset root, const Waiting& waiting, Cells& cells) const {
  // Nothing but this record's own folding writes this field, so that it is known not to be there.
  const CellRead field{CellRead::Kind::kMember, WaitingCell(root), waiting.ToField(), {}};
  for (const CellRead& read : cells.Missing({field})) cells.Load(read, {});
  cells.SetMember(field.key, field.field, {});
}

void ParkedRecords::Write(Cells& cells) const {
  if (roots_.empty()) {
    cells.Delete(kParkedCell);
    return;
  }
  internal::v1::ParkedRecords stored;
  for (const ParkedRoot& root : roots_) {
    internal::v1::ParkedRoot* added = stored.add_roots();
    added->set_offset(root.offset);
    added->set_reason(root.reason);
    for (const std::string& entity : root.entities) added->add_entities(entity);
  }
  cells.SetProto(kParkedCell, stored);
}

}  // namespace epigrid
