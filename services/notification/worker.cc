#include "services/notification/worker.h"

#include <charconv>

#include "services/notification/channels/file_channel.h"
#include "services/notification/channels/webhook_channel.h"
#include "services/notification/sender/on_scheduler.h"

namespace epigrid::notification {
namespace {

constexpr Duration kFollowEvery = std::chrono::milliseconds(200);

}  // namespace

Worker::Worker(const Config& config, ServiceRuntime& runtime, RpcQueue& queue, RedisOptions view,
               const Clock& clock, RandomSource& random, Metrics& metrics)
    : config_(config),
      runtime_(runtime),
      queue_(queue),
      view_(std::move(view)),
      clock_(clock),
      random_(random),
      metrics_(metrics),
      outbox_(runtime),
      works_on_(runtime.shard_count()) {}

Worker::~Worker() {
  if (sender_ != nullptr) Stop();
}

void Worker::Start() {
  MakeChannels();
  contacts_ = std::make_unique<IdentityContactResolver>(queue_, config_.Identity());
  const auto works_on = [this](Shard shard) { return works_on_[shard]; };
  runtime_.loop().RunOnLoop([&] {
    sender_ =
        std::make_unique<Sender>(runtime_.loop(), outbox_, *contacts_, channels_, random_, works_on,
                                 config_.SenderSettings(runtime_.shard_count()), &metrics_);
    counter_ = std::make_unique<DeliveryCounter>(
        runtime_.loop(), runtime_.log(), runtime_.shard_count(), works_on,
        [this](v1::MessageState state) { metrics_.OnClosed(state); });
    tasks_ = std::make_unique<TaskGroup>();
    tasks_->Begin(FollowShards());
    tasks_->Begin(counter_->Run());
    sender_->Start();
  });
  wakes_ = std::make_unique<RedisSubscriber>(
      runtime_.loop(), view_, std::vector<std::string>{runtime_.shards().keys().applied_channel()},
      [this](std::string_view, std::string_view message) {  // "<shard> <applied>"
        Shard shard = 0;
        const auto parsed = std::from_chars(message.data(), message.data() + message.size(), shard);
        if (parsed.ec == std::errc()) sender_->Wake(shard);
      });
}

void Worker::Stop() {
  wakes_.reset();
  std::optional<Future<Done>> stopped;
  runtime_.loop().RunOnLoop([&] { stopped.emplace(sender_->Stop(config_.drain_deadline)); });
  std::move(*stopped).Wait();
  runtime_.loop().RunOnLoop([&] {
    sender_.reset();
    tasks_.reset();
    counter_.reset();
  });
  http_.reset();  // answers what is under way, which the channels hear
  channels_.clear();
  contacts_.reset();
  runtime_.loop().RunOnLoop([] {});  // what they posted has run
}

void Worker::MakeChannels() {
  http_ = std::make_unique<HttpClient>(
      HttpClientOptions{.timeout = config_.webhook_timeout,
                        .connect_timeout = config_.webhook_connect_timeout,
                        .connections_per_url_max = config_.webhook_connections_max});
  for (const Endpoint& endpoint : config_.endpoints) {
    std::unique_ptr<Channel> channel;
    if (endpoint.is_webhook()) {
      channel = std::make_unique<WebhookChannel>(*http_, clock_, endpoint.url, *endpoint.secret);
    } else {
      channel = std::make_unique<FileChannel>(endpoint.path);
    }
    channels_.emplace(endpoint.name,
                      std::make_unique<ChannelOnScheduler>(runtime_.loop(), std::move(channel)));
  }
}

Task<void> Worker::FollowShards() {
  for (;;) {
    const ProjectorSnapshot snapshot =
        co_await OnScheduler(runtime_.loop(), Run(runtime_.Snapshot()));
    std::vector<bool> now(works_on_.size());
    for (const ProjectedShard& shard : snapshot.shards) {
      now[shard.shard] = shard.live && runtime_.shards().Live(shard.shard).ok();
    }
    for (Shard shard = 0; shard < now.size(); ++shard) {
      if (now[shard] && !works_on_[shard]) {
        works_on_[shard] = true;
        sender_->Wake(shard);
      }
    }
    works_on_ = std::move(now);
    co_await runtime_.loop().Sleep(kFollowEvery);
  }
}

}  // namespace epigrid::notification
