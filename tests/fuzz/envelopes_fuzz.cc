// Whatever bytes come out of a shard of the log: they are opened, copied and parked as records, or
// taken apart as an entry of the embedded log, and never end a process.
//
// The seeds are serialized Envelopes and LogEntries: protoc --encode=epigrid.events.v1.Envelope.
#include <cstdint>
#include <memory>
#include <set>

#include "common/crypto/testing/memory_key_store.h"
#include "common/event_log/redis_streams_core.h"
#include "common/projector/emission.h"
#include "common/projector/record_folder.h"
#include "common/projector/subscription.h"
#include "services/contact_tracing/domain/contact_tracing_fold.h"
#include "services/health_code/domain/health_code_fold.h"
#include "services/identity/domain/identity_fold.h"
#include "services/notification/domain/notification_fold.h"
#include "tests/fakes/fold_driver.h"

namespace epigrid {
namespace {

constexpr uint32_t kShards = 8;
constexpr Offset kOffset = 9;
const std::string kKey = "key";

LogRecord RecordOf(const std::string& bytes) {
  return {kOffset, Time::FromSeconds(1'640'966'400), kKey, bytes};
}

// A stream's entry, as Redis answers it.
Reply EntryReply(const std::string& id, const std::string& records, const std::string& time) {
  const auto text = [](const std::string& of) {
    return Reply{.type = Reply::Type::kString, .text = of, .elements = {}};
  };
  Reply fields{.type = Reply::Type::kArray,
               .text = {},
               .elements = {text("r"), text(records), text("t"), text(time)}};
  return {.type = Reply::Type::kArray, .text = {}, .elements = {text(id), std::move(fields)}};
}

void OpenEntry(const std::string& id, const std::string& records, const std::string& time) {
  constexpr Offset kAfter = LastOffsetOf(6) + 5;
  const Result<std::vector<LogRecord>> parsed =
      ParseEntries({EntryReply(id, records, time)}, kAfter);
  if (!parsed.ok()) {
    EPIGRID_CHECK(parsed.status().reason() == "LOG_CORRUPT", "an entry that the log did not write");
    return;
  }
  Offset last = kAfter;
  for (const LogRecord& record : *parsed) {
    EPIGRID_CHECK(record.offset > last, "offsets rise");
    last = record.offset;
  }
}

// One shard of a service whose view is empty.
class Shard0 {
 public:
  explicit Shard0(const Fold& fold)
      : folder_(fold, {std::string(fold.service()), 0, kShards}, nullptr) {
    folder_.cells.Begin({});
  }

  void Take(const std::string& bytes) {
    GatheredRecord gathered = folder_.Open(RecordOf(bytes));
    EPIGRID_CHECK(gathered.park_reason.empty() || gathered.steps.empty(), "it parks as a whole");
    const bool folds = folder_.BeginRecord(LoadCommon(gathered));
    EPIGRID_CHECK(folds == gathered.park_reason.empty(), "what is new folds or parks");
    if (!folds) CheckParked(gathered.park_reason);
    Finish(gathered);
    EPIGRID_CHECK(folder_.Open(RecordOf(bytes)).repeated == !gathered.mark.empty(),
                  "what has a position counts once");
    Retry(bytes);
  }

 private:
  GatheredRecord& LoadCommon(GatheredRecord& gathered) {
    NeedSet needs;
    folder_.CommonNeeds(needs);
    Load(needs);
    return gathered;
  }
  void Load(const NeedSet& needs) {
    for (const CellRead& read : folder_.cells.Missing(needs.reads())) folder_.cells.Load(read, {});
  }

  void CheckParked(std::string_view reason) const {
    const ParkedRoot* root = folder_.parked.Find(kOffset);
    EPIGRID_CHECK(root != nullptr && root->reason == reason, "what does not fold is parked");
    EPIGRID_CHECK(root->entities.contains(kKey), "and with it the entity of its key");
    const std::string* cell = folder_.cells.Get(kParkedCell);
    EPIGRID_CHECK(cell != nullptr && ParkedRecords::Decode(*cell).has_value(),
                  "as the view has it");
  }

  void Finish(GatheredRecord& gathered) {
    std::vector<NewRecord> emitted;
    folder_.EndRecord(gathered, /*mute=*/false, emitted);
    EPIGRID_CHECK(emitted.empty(), "nothing was folded");
  }

  // As what an operator's Unparked folds.
  void Retry(const std::string& bytes) {
    Envelope unparked;
    unparked.add_events()->mutable_unparked()->set_offset(kOffset);
    GatheredRecord gathered =
        folder_.Open({kOffset + 1, Time{1}, "", unparked.SerializeAsString()});
    const LogRecord record = RecordOf(bytes);
    const bool folds = folder_.AddWaiting(gathered, {kOffset, std::nullopt}, &record);
    EPIGRID_CHECK(folds == folder_.Open(RecordOf(bytes)).park_reason.empty(), "then as now");
    EPIGRID_CHECK(!gathered.steps.empty(), "what waits is told of");
  }

  RecordFolder folder_;
};

// The events in it, by an empty shard and all that follows from them by the others.
void FoldAll(const Fold& fold, const std::string& bytes) {
  Envelope envelope;
  if (!ParkReason(envelope.ParseFromString(bytes), envelope).empty()) return;
  FoldDriver driver(fold, kShards);
  for (const Event& event : envelope.events()) {
    // What an instance has checked before it wrote it.
    if (!event.has_configured()) driver.Append(kKey, event);
  }
  driver.Run();
}

std::string Concerned(const Fold& fold, const Event& event, const std::string& key) {
  return event.kind_case() == Event::KIND_NOT_SET ? StatedEntity(event, key) : fold.Route(event);
}

// Into another service's inbox: what is understood goes where it concerns somebody, once.
void Copy(const Fold& fold, const std::string& bytes) {
  Envelope envelope;
  const bool understood = envelope.ParseFromString(bytes) && !envelope.events().empty();
  const std::vector<NewRecord> copies =
      CopyToInbox(fold, kShards, {"other.fact.v1", 3}, RecordOf(bytes));
  if (!understood) {
    EPIGRID_CHECK(copies.size() == 1 && copies[0].value == bytes, "it is passed on as it is");
    return;
  }
  std::multiset<std::string> wanted, copied;
  for (const Event& event : envelope.events()) {
    if (std::string entity = Concerned(fold, event, kKey); !entity.empty()) wanted.insert(entity);
  }
  const NewRecord* last = nullptr;
  for (const NewRecord& copy : copies) {
    EPIGRID_CHECK(last == nullptr || last->to.shard < copy.to.shard, "one for each shard");
    last = &copy;
    Envelope part;
    EPIGRID_CHECK(part.ParseFromString(copy.value), "a copy parses");
    EPIGRID_CHECK(part.position().SerializeAsString() == envelope.position().SerializeAsString() &&
                      part.schema_version() == envelope.schema_version(),
                  "with its position and version");
    for (const Event& event : part.events()) {
      const std::string entity = Concerned(fold, event, copy.key);
      EPIGRID_CHECK(copy.to.shard == ShardOf(entity, kShards), "to its shard");
      EPIGRID_CHECK(StatedEntity(event, copy.key) == entity, "and the copy says so");
      copied.insert(entity);
    }
  }
  EPIGRID_CHECK(copied == wanted, "nothing is lost, nothing comes twice");
}

}  // namespace
}  // namespace epigrid

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace epigrid;
  static OpenSslRandom random;
  static const identity::IdentityFold of_identity(std::make_shared<MemoryKeyStore>(random), {});
  static const contact_tracing::ContactTracingFold of_tracing(kShards);
  static const health_code::HealthCodeFold of_codes;
  static const notification::NotificationFold of_notification;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::string one_record("\x0a\x00", 2);
  OpenEntry("0-7", bytes, "1640966400000");
  OpenEntry(bytes, one_record, "1640966400000");
  OpenEntry("0-7", one_record, bytes);
  for (const Fold* fold :
       std::initializer_list<const Fold*>{&of_identity, &of_tracing, &of_codes, &of_notification}) {
    Shard0(*fold).Take(bytes);
    Copy(*fold, bytes);
    FoldAll(*fold, bytes);
  }
  return 0;
}
