#include "common/projector/rebuild.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace epigrid {
namespace {

// The live projector is paused when no more than this many offsets are left.
constexpr Offset kPauseWithin = 2'000;
constexpr Duration kLookAgain = std::chrono::milliseconds(5);

}  // namespace

Rebuild::Rebuild(ShardProjectorDependencies dependencies, ShardProjectorOptions options,
                 Generation live, Offset requested_at, RebuiltShard* shard,
                 std::function<void(Status)> ended)
    : dependencies_(dependencies),
      options_(std::move(options)),
      live_(live),
      requested_at_(requested_at),
      shard_(shard),
      ended_(std::move(ended)),
      self_(std::make_shared<Rebuild*>(this)) {}

Rebuild::~Rebuild() { *self_ = nullptr; }

TopicShard Rebuild::inbox() const {
  return {InboxTopic(dependencies_.fold->service()), options_.shard};
}

void Rebuild::Start() {
  main_ = Main();
  main_.Start();
}

Task<void> Rebuild::Main() {
  Status status = co_await Life();
  // It did not die; if the log cannot be told, the host knows (own_attempt).
  if (attempt_.count > 0) {
    (void)co_await dependencies_.log->DeleteShardMetadata(inbox(),
                                                          std::string(kRebuildAttemptField));
  }
  dependencies_.scheduler->Post([self = self_, ended = ended_, status = std::move(status)] {
    if (*self != nullptr) ended(status);
  });
}

Task<Status> Rebuild::Begin() {
  auto metadata = co_await dependencies_.log->ShardMetadata(inbox());
  if (!metadata.ok()) co_return metadata.status();
  Generation newest = live_;
  if (auto found = metadata->find(std::string(kGenerationField)); found != metadata->end()) {
    newest = std::max<Generation>(newest, ParseOffset(found->second));
  }
  generation_ = newest + 1;
  if (newest > live_) {
    // Begun earlier and interrupted: it goes on, unless it was dropped.
    auto opened = co_await dependencies_.view->Open(options_.shard, newest);
    if (!opened.ok()) co_return opened.status();
    if (opened->has_value() && !metadata->contains(fmt::format("{}{}", kDropPrefix, newest))) {
      generation_ = newest;
    }
  }
  EPIGRID_CO_RETURN_IF_ERROR(co_await BeginAttempt(*metadata));
  options_.building = generation_;
  builder_ = std::make_unique<ShardBuilder>(dependencies_, options_);
  builder_->Start();
  co_return OkStatus();
}

Task<Status> Rebuild::BeginAttempt(const std::map<std::string, std::string>& metadata) {
  attempt_.offset = requested_at_;
  if (auto found = metadata.find(std::string(kRebuildAttemptField)); found != metadata.end()) {
    const std::string_view text = found->second;
    const size_t blank = text.find(' ');
    const Attempt last{ParseOffset(text.substr(0, blank)),
                       static_cast<uint32_t>(ParseOffset(text.substr(blank + 1)))};
    // What is said of another request says nothing of this one.
    if (last.offset == requested_at_) {
      attempt_.count = last.count - (last == options_.own_attempt ? 1 : 0);
    }
  }
  if (attempt_.count >= kRebuildDeathsMax) {
    co_return co_await KeepLive(Status(
        Code::kAborted, "REBUILD_KILLS",
        fmt::format("shard {} of {}: folding it anew was begun {} times and never ended, as if a "
                    "record killed the process; the live view was kept",
                    options_.shard, dependencies_.fold->service(), attempt_.count)));
  }
  ++attempt_.count;
  auto put = co_await dependencies_.log->PutShardMetadata(
      inbox(), std::string(kRebuildAttemptField),
      fmt::format("{} {}", attempt_.offset, attempt_.count));
  co_return put.status();
}

Task<Status> Rebuild::Advance(Offset limit, bool* reached) {
  EPIGRID_CO_RETURN_IF_ERROR(co_await builder_->Advance(limit));
  *reached = builder_->At(limit);
  if (!*reached && builder_->Reached(limit) && shard_->LivePaused()) {
    // It lost its tail after this one was built: it has to go on before they can be compared.
    co_return ViewMoved("the live view fell back behind the one that is built beside it");
  }
  co_return OkStatus();
}

Task<Status> Rebuild::Life() {
  EPIGRID_CO_RETURN_IF_ERROR(co_await Begin());
  bool pausing = false;
  while (true) {
    const std::optional<ShardMeta> live = shard_->LiveCommitted();
    if (!live.has_value()) {
      co_await dependencies_.scheduler->Sleep(kLookAgain);
      continue;
    }
    const bool paused = pausing && shard_->LivePaused();
    bool reached = false;
    EPIGRID_CO_RETURN_IF_ERROR(co_await Advance(live->applied, &reached));
    if (paused && reached) co_return co_await Switch(*live);
    if (paused && builder_->committed().applied > live->applied) {
      // The live view fell back: it must go on before the two can meet.
      co_return ViewMoved("the live view is behind the rebuilt one");
    }
    if (!pausing && builder_->open() && builder_->fed() + kPauseWithin >= live->applied) {
      pausing = true;
      shard_->PauseLive();
    }
  }
}

Task<Status> Rebuild::Switch(const ShardMeta& live) {
  if (builder_->committed().digest != live.digest) {
    co_return co_await KeepLive(Status(
        Code::kAborted, "REBUILD_DIFFERS",
        fmt::format("shard {} of {} at offset {}: the view folded anew has digest {} and the "
                    "live one {}; the live one was kept",
                    options_.shard, dependencies_.fold->service(), live.applied,
                    builder_->committed().digest.ToHex(), live.digest.ToHex())));
  }
  // First the log learns what is to go, so that a crash leaves nothing behind for ever.
  EPIGRID_CO_RETURN_IF_ERROR(co_await Put(fmt::format("{}{}", kDropPrefix, live_)));
  auto set = co_await dependencies_.view->SetLive(options_.shard, generation_, live.applied);
  if (!set.ok()) co_return set.status();
  if (!*set) {
    co_return ViewMoved("the rebuilt view is not where it was left");
  }
  auto noted =
      co_await dependencies_.log->DeleteShardMetadata(inbox(), std::string(kRebuildDiffersField));
  if (!noted.ok()) co_return noted.status();
  co_return co_await Put(std::string(kRebuiltField));
}

Task<Status> Rebuild::KeepLive(Status why) {
  EPIGRID_CO_RETURN_IF_ERROR(co_await Put(fmt::format("{}{}", kDropPrefix, generation_)));
  EPIGRID_CO_RETURN_IF_ERROR(co_await Put(std::string(kRebuildDiffersField)));
  EPIGRID_CO_RETURN_IF_ERROR(co_await Put(std::string(kRebuiltField)));
  co_return why;
}

Task<Status> Rebuild::Put(std::string field) {
  auto put = co_await dependencies_.log->PutShardMetadata(inbox(), std::move(field),
                                                          std::to_string(requested_at_));
  co_return put.status();
}

}  // namespace epigrid
