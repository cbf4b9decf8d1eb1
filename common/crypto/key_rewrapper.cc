#include "common/crypto/key_rewrapper.h"

#include <algorithm>
#include <utility>

namespace epigrid {
namespace {

constexpr size_t kProgressEvery = 10'000;

}  // namespace

KeyRewrapper::KeyRewrapper(DurableKeyStore& store, Scheduler& scheduler,
                           KeyRewrapperOptions options)
    : store_(store), scheduler_(scheduler), options_(std::move(options)) {
  EPIGRID_CHECK(options_.on_progress != nullptr && options_.on_failure != nullptr,
                "somebody must be told of progress and failures");
}

Task<void> KeyRewrapper::Run() {
  while (true) {
    const Status status = co_await Round();
    if (!status.ok()) options_.on_failure(status);
    co_await scheduler_.Sleep(options_.interval);
  }
}

Task<Status> KeyRewrapper::Round() {
  size_t rewrapped = 0;
  // What was counted an interval ago.
  if (outdated_ > 0) {
    EPIGRID_CO_ASSIGN_OR_RETURN(rewrapped, co_await Rewrap(outdated_));
  }
  EPIGRID_CO_ASSIGN_OR_RETURN(outdated_, co_await Count());
  options_.on_progress(rewrapped, outdated_);
  co_return OkStatus();
}

Task<Result<size_t>> KeyRewrapper::Count() {
  size_t outdated = 0;
  std::string cursor = "0";
  do {
    EPIGRID_CO_ASSIGN_OR_RETURN(DurableKeyStore::Page page,
                                co_await store_.Look(std::move(cursor)));
    outdated += page.outdated.size();
    cursor = std::move(page.cursor);
    co_await scheduler_.Sleep(options_.pause);
  } while (cursor != "0");
  co_return outdated;
}

Task<Result<size_t>> KeyRewrapper::Rewrap(size_t outdated) {
  size_t rewrapped = 0, told = 0;
  std::string cursor = "0";
  do {
    EPIGRID_CO_ASSIGN_OR_RETURN(DurableKeyStore::Page page,
                                co_await store_.Look(std::move(cursor)));
    EPIGRID_CO_ASSIGN_OR_RETURN(const size_t some,
                                co_await store_.Rewrap(std::move(page.outdated)));
    rewrapped += some;
    if (rewrapped - told >= kProgressEvery) {
      options_.on_progress(rewrapped, outdated - std::min(outdated, rewrapped));
      told = rewrapped;
    }
    cursor = std::move(page.cursor);
    co_await scheduler_.Sleep(options_.pause);
  } while (cursor != "0");
  co_return rewrapped;
}

}  // namespace epigrid
