#include "common/projector/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "common/base/proto_time.h"
#include "epigrid/internal/v1/snapshot.pb.h"

namespace epigrid {
namespace {

namespace pb = internal::v1;

// Well below the log's limits for a record and an append.
constexpr size_t kRecordBytesCut = kRecordBytesMax / 2;
constexpr size_t kAppendBytesCut = 4 << 20;
// Records read at once; a read ends with its bytes anyway.
constexpr size_t kRecordsPerRead = 64;

pb::SnapshotCell::Kind KindOf(CellWrite::Kind kind) {
  switch (kind) {
    case CellWrite::Kind::kSet: return pb::SnapshotCell::KIND_STRING;
    case CellWrite::Kind::kSetMember: return pb::SnapshotCell::KIND_MEMBER;
    case CellWrite::Kind::kAddToIndex: return pb::SnapshotCell::KIND_INDEXED;
    case CellWrite::Kind::kSetTimer: return pb::SnapshotCell::KIND_TIMER;
    default: break;
  }
  CheckFailed(__FILE__, __LINE__, "kind", "an image is made by these writes alone");
}

std::optional<CellWrite::Kind> WriteOf(pb::SnapshotCell::Kind kind) {
  switch (kind) {
    case pb::SnapshotCell::KIND_STRING: return CellWrite::Kind::kSet;
    case pb::SnapshotCell::KIND_MEMBER: return CellWrite::Kind::kSetMember;
    case pb::SnapshotCell::KIND_INDEXED: return CellWrite::Kind::kAddToIndex;
    case pb::SnapshotCell::KIND_TIMER: return CellWrite::Kind::kSetTimer;
    default: return std::nullopt;
  }
}

pb::SnapshotHeader HeaderOf(const ShardMeta& meta) {
  pb::SnapshotHeader header;
  header.set_offset(meta.applied);
  header.set_fold_version(meta.fold_version);
  if (meta.shard_time.is_set()) *header.mutable_shard_time() = ToProto(meta.shard_time);
  header.set_quiet(meta.quiet);
  header.set_digest_low(meta.digest.low);
  header.set_digest_high(meta.digest.high);
  for (const auto& [source, mark] : meta.marks) {
    pb::SnapshotMark& added = *header.add_marks();
    added.set_source(source);
    added.set_offset(mark.offset);
    added.set_index(mark.index);
  }
  return header;
}

ShardMeta MetaOf(const pb::SnapshotHeader& header) {
  ShardMeta meta;
  meta.applied = header.offset();
  meta.fold_version = header.fold_version();
  if (header.has_shard_time()) meta.shard_time = FromProto(header.shard_time());
  meta.quiet = header.quiet();
  meta.digest = {header.digest_low(), header.digest_high()};
  for (const pb::SnapshotMark& mark : header.marks()) {
    meta.marks[mark.source()] = {mark.offset(), mark.index()};
  }
  return meta;
}

// The records of one snapshot, as many at once as one Append takes.
class SnapshotRecords {
 public:
  SnapshotRecords(TopicShard to, std::string id, const ShardImage& image)
      : to_(std::move(to)), id_(std::move(id)), meta_(image.meta), cursor_(image) {}

  // Empty: that was all.
  std::vector<NewRecord> NextAppend() {
    bytes_ = 0;
    if (index_ == 0) {
      pb::SnapshotRecord record;
      *record.mutable_header() = HeaderOf(meta_);
      Close(record);
    }
    pb::SnapshotRecord record;
    size_t record_bytes = 0;
    while (!done_ && bytes_ < kAppendBytesCut) {
      std::optional<CellWrite> write = cursor_.Next();
      if (write.has_value()) {
        AddCell(std::move(*write), record, record_bytes);
        continue;
      }
      done_ = true;
      CloseCells(record, record_bytes);
      record.mutable_footer()->set_offset(meta_.applied);
      Close(record);
    }
    CloseCells(record, record_bytes);
    return std::exchange(records_, {});
  }

 private:
  void AddCell(CellWrite write, pb::SnapshotRecord& record, size_t& record_bytes) {
    size_t at = 0;
    do {
      const size_t part = std::min(kRecordBytesCut, write.value.size() - at);
      const size_t bytes = part + write.key.size() + write.field.size();
      if (record_bytes + bytes > kRecordBytesCut) CloseCells(record, record_bytes);
      pb::SnapshotCell& cell = *record.mutable_cells()->add_cells();
      cell.set_kind(KindOf(write.kind));
      if (record_bytes == 0 || write.key != key_) cell.set_key(write.key);
      key_ = write.key;
      cell.set_field(write.field);
      cell.set_value(write.value.substr(at, part));
      if (write.due.is_set()) *cell.mutable_due_time() = ToProto(write.due);
      at += part;
      cell.set_continued(at < write.value.size());
      record_bytes += bytes + 16;
    } while (at < write.value.size());
  }

  void CloseCells(pb::SnapshotRecord& record, size_t& record_bytes) {
    if (record_bytes == 0) return;
    Close(record);
    record_bytes = 0;
  }

  void Close(pb::SnapshotRecord& record) {
    record.set_snapshot_id(id_);
    record.set_index(index_++);
    records_.push_back({to_, id_, record.SerializeAsString()});
    bytes_ += records_.back().value.size();
    record.Clear();
  }

  const TopicShard to_;
  const std::string id_;
  const ShardMeta meta_;
  ImageCursor cursor_;
  std::vector<NewRecord> records_;
  std::string key_;  // of the cell before
  size_t bytes_ = 0;
  uint32_t index_ = 0;
  bool done_ = false;
};

}  // namespace

std::string SnapshotTopic(std::string_view service) { return std::string(service) + ".snapshots"; }

Task<Status> WriteSnapshot(Producer& producer, TopicShard to, std::string id,
                           const ShardImage& image) {
  SnapshotRecords records(std::move(to), std::move(id), image);
  while (true) {
    std::vector<NewRecord> append = records.NextAppend();
    if (append.empty()) co_return OkStatus();
    auto appended = co_await producer.Append(std::move(append));
    if (!appended.ok()) co_return appended.status();
  }
}

Task<Result<std::vector<Snapshot>>> ListSnapshots(EventLog& log, TopicShard of) {
  std::vector<Snapshot> found;
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<Offset> starts, co_await log.Starts({of}));
  for (Offset after = starts.front();;) {
    EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<LogRecord> records,
                                co_await log.Read(of, after, kRecordsPerRead));
    if (records.empty()) co_return found;
    after = records.back().offset;
    for (const LogRecord& read : records) {
      pb::SnapshotRecord record;
      if (!record.ParseFromString(read.value)) continue;  // a stranger's
      if (record.has_header()) {
        found.push_back({record.snapshot_id(), record.header().offset(),
                         record.header().fold_version(), read.appended_at, read.offset, read.offset,
                         1, false});
        continue;
      }
      const auto begun = std::ranges::find(found, record.snapshot_id(), &Snapshot::id);
      if (begun == found.end() || begun->complete || record.index() != begun->records) continue;
      ++begun->records;
      begun->last = read.offset;
      begun->complete = record.has_footer();
    }
  }
}

const Snapshot* ChooseSnapshot(const std::vector<Snapshot>& all, const Fold& fold, Offset start) {
  const auto newest = [&](auto readable) {
    const Snapshot* best = nullptr;
    for (const Snapshot& each : all) {
      if (!each.complete || each.applied < start || !readable(each.fold_version)) continue;
      if (best == nullptr || each.applied >= best->applied) best = &each;
    }
    return best;
  };
  const Snapshot* best = newest([&](uint32_t version) { return version == fold.version(); });
  if (best != nullptr || start == 0) return best;
  return newest([&](uint32_t version) { return fold.ReadsStateOf(version); });
}

Status SnapshotMissing(const TopicShard& inbox, Offset start, uint32_t fold_version) {
  return FailedPrecondition(
      "SNAPSHOT_MISSING",
      fmt::format("{} was cut up to {}, and there is no complete snapshot from there on that "
                  "version {} of the fold reads: run the version that wrote the last one, or put "
                  "back the log from a backup",
                  TopicShardName(inbox), start, fold_version));
}

SnapshotReader::SnapshotReader(EventLog& log, TopicShard of, Snapshot snapshot)
    : log_(log), of_(std::move(of)), snapshot_(std::move(snapshot)), read_(snapshot_.first - 1) {}

Status SnapshotReader::Corrupt(std::string_view what) const {
  return {Code::kDataLoss, "SNAPSHOT_CORRUPT",
          fmt::format("the snapshot {} in {} is not what was written: {}", snapshot_.id,
                      TopicShardName(of_), what)};
}

Status SnapshotReader::Take(const LogRecord& read, std::vector<CellWrite>& writes) {
  pb::SnapshotRecord record;
  if (!record.ParseFromString(read.value) || record.snapshot_id() != snapshot_.id) {
    return OkStatus();
  }
  if (record.index() != records_) return OkStatus();
  ++records_;
  if (record.has_header()) meta_ = MetaOf(record.header());
  std::string key;
  for (pb::SnapshotCell& cell : *record.mutable_cells()->mutable_cells()) {
    const std::optional<CellWrite::Kind> kind = WriteOf(cell.kind());
    if (!kind.has_value()) return Corrupt("it has a cell of an unknown kind");
    if (!cell.key().empty()) key = cell.key();
    if (!is_open_) {
      open_ = {*kind, key, std::move(*cell.mutable_field()), {}, {}};
      if (*kind == CellWrite::Kind::kSetTimer) open_.key.clear();
      if (cell.has_due_time()) open_.due = FromProto(cell.due_time());
    }
    open_.value += cell.value();
    is_open_ = cell.continued();
    if (is_open_) continue;
    digest_.Add(open_);
    writes.push_back(std::move(open_));
  }
  return OkStatus();
}

Task<Result<std::vector<CellWrite>>> SnapshotReader::Next() {
  std::vector<CellWrite> writes;
  while (writes.empty() && read_ < snapshot_.last) {
    EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<LogRecord> records,
                                co_await log_.Read(of_, read_, kRecordsPerRead));
    if (records.empty()) co_return Corrupt("its end is not there");
    for (const LogRecord& record : records) {
      if (record.offset > snapshot_.last) break;
      EPIGRID_CO_RETURN_IF_ERROR(Take(record, writes));
    }
    read_ = records.back().offset;
  }
  if (writes.empty() && (records_ != snapshot_.records || is_open_)) {
    co_return Corrupt("it is shorter");
  }
  if (writes.empty() && digest_ != meta_.digest) co_return Corrupt("its cells have another digest");
  co_return writes;
}

Offset SnapshotsFirstKept(const std::vector<Snapshot>& all, uint32_t fold_version, Time since) {
  std::map<uint32_t, const Snapshot*> newest;  // complete ones, by version
  for (const Snapshot& each : all) {
    const Snapshot*& best = newest[each.fold_version];
    if (each.complete && (best == nullptr || each.applied >= best->applied)) best = &each;
  }
  const Snapshot* own = newest[fold_version];
  if (own == nullptr) return 0;
  Offset first = own->first;
  for (const auto& [version, best] : newest) {
    const bool kept =
        best != nullptr && (best->written_at >= since || best->applied > own->applied);
    if (kept) first = std::min(first, best->first);
  }
  for (const Snapshot& each : all) {
    if (!each.complete && each.applied > own->applied) first = std::min(first, each.first);
  }
  return first;
}

}  // namespace epigrid
