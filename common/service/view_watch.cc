#include "common/service/view_watch.h"

#include <fmt/format.h>

#include <utility>

#include "common/log/log.h"

namespace epigrid {
namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds(100);
constexpr Duration kAsk = std::chrono::seconds(2);
constexpr uint64_t kLooksPerCheck = std::chrono::minutes(1) / kLookEvery;

Status ViewUnavailable(const std::string& why) { return Unavailable("VIEW_UNAVAILABLE", why); }

}  // namespace

ViewWatch::ViewWatch(std::string service, EventLoop& loop, RedisKeyspace& redis,
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

namespace {

Status CheckPolicyOf(const std::string& node, const Reply& policy) {
  if (policy.is_error() || policy.elements.size() < 2) {
    return FailedPrecondition("VIEW_CONFIG_UNREADABLE",
                              fmt::format("the views' Redis at {} must let this user call CONFIG "
                                          "GET: {}",
                                          node, policy.text));
  }
  if (policy.elements[1].text == "noeviction") return OkStatus();
  return FailedPrecondition(
      "VIEW_EVICTS", fmt::format("the views' Redis at {} has maxmemory-policy {}, which throws "
                                 "cells away when its memory is full; set it to noeviction",
                                 node, policy.elements[1].text));
}

}  // namespace

// Also of the replicas, of which each may become a primary. One that does not answer is no reason
// to send calls elsewhere: it is asked again in a minute.
Task<Status> ViewWatch::CheckPolicy() {
  const Result<std::vector<RedisNode>> nodes = co_await redis_.Nodes();
  if (!nodes.ok()) co_return ViewUnavailable(nodes.status().ToString());
  Status unavailable = ViewUnavailable("no node answers");
  bool answered = false;
  for (const RedisNode& node : *nodes) {
    std::vector<std::string> command = {"CONFIG", "GET", "maxmemory-policy"};
    const Result<Reply> policy = co_await redis_.CallNode(node.name, std::move(command), kAsk);
    if (policy.ok()) {
      answered = true;
      EPIGRID_CO_RETURN_IF_ERROR(CheckPolicyOf(node.name, *policy));
    } else {
      unavailable = ViewUnavailable(policy.status().ToString());
    }
  }
  co_return answered ? OkStatus() : unavailable;
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
