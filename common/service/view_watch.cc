#include "common/service/view_watch.h"

#include <fmt/format.h>

#include <utility>

#include "common/log/log.h"

namespace epigrid {
namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds(100);
constexpr uint64_t kLooksPerCheck = std::chrono::minutes(1) / kLookEvery;

Status ViewUnavailable(const std::string& why) { return Unavailable("VIEW_UNAVAILABLE", why); }

}  // namespace

ViewWatch::ViewWatch(std::string service, EventLoop& loop, RedisClient& redis,
                     const ShardTable& shards, Metrics& metrics, Report report)
    : service_(std::move(service)),
      loop_(loop),
      redis_(redis),
      shards_(shards),
      report_(std::move(report)),
      unreadable_(metrics.Gauge("epigrid_" + service_ + "_unreadable_shards",
                                "Shards whose view could not be read for some seconds")),
      outages_(metrics.Counter("epigrid_" + service_ + "_view_outages_total",
                               "Times when no shard's view could be read any more")),
      state_(ViewUnavailable("starting")) {}

Task<Status> ViewWatch::CheckPolicy() {
  Result<Reply> reply = co_await redis_.Call({"CONFIG", "GET", "maxmemory-policy"});
  if (!reply.ok()) co_return ViewUnavailable(reply.status().ToString());
  if (reply->is_error() || reply->elements.size() < 2) {
    co_return FailedPrecondition(
        "VIEW_CONFIG_UNREADABLE",
        "the views' Redis must let this user call CONFIG GET: " + reply->text);
  }
  const std::string& policy = reply->elements[1].text;
  if (policy == "noeviction") co_return OkStatus();
  co_return FailedPrecondition(
      "VIEW_EVICTS", fmt::format("the views' Redis has maxmemory-policy {}, which throws cells "
                                 "away when its memory is full; set it to noeviction",
                                 policy));
}

Task<void> ViewWatch::Run() {
  for (;;) {
    Tell(co_await Look());
    co_await loop_.Sleep(kLookEvery);
  }
}

Task<Status> ViewWatch::Look() {
  const uint32_t unreadable = shards_.unreadable();
  unreadable_.Set(unreadable);
  const bool was_readable = std::exchange(readable_, unreadable < shards_.shard_count());
  if (!readable_) {
    if (was_readable) outages_.Increment();
    looks_until_check_ = 0;
    co_return ViewUnavailable("the view cannot be read");
  }
  if (looks_until_check_ > 0) {
    --looks_until_check_;
    co_return state_;
  }
  const Status checked = co_await CheckPolicy();
  // The table knows better whether the view can be read; the question is asked again.
  if (checked.code() == Code::kUnavailable) co_return state_;
  looks_until_check_ = kLooksPerCheck;
  co_return checked;
}

void ViewWatch::Tell(const Status& state) {
  if (state == state_) return;
  state_ = state;
  if (state.ok()) {
    EPIGRID_LOG_INFO("service.view_readable", {"view", Safe(service_)});
  } else {
    EPIGRID_LOG_ERROR("service.view_not_readable", {"view", Safe(service_)}, {state});
  }
  report_(state.ok() ? std::string() : state.ToString());
}

}  // namespace epigrid
