// Worker: all that sending needs in production, composed: channels, contacts, the sender, and what
// wakes it.
//
// It works on the shards that this process folds. Life cycle: construct, Start after the runtime's,
// Stop before it, destroy; all on one thread that is none of the runtime's. Everything it is given
// outlives it.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "common/redis/client.h"
#include "common/service/service_runtime.h"
#include "services/notification/channels/http_client.h"
#include "services/notification/config.h"
#include "services/notification/metrics.h"
#include "services/notification/sender/delivery_counter.h"
#include "services/notification/sender/identity_contact_resolver.h"
#include "services/notification/sender/sender.h"
#include "services/notification/sender/service_outbox.h"
#include "services/notification/sender/task_group.h"

namespace epigrid::notification {

class Worker {
 public:
  // `queue` is on the runtime's loop; `view` is where the service's view is.
  Worker(const Config& config, ServiceRuntime& runtime, RpcQueue& queue, RedisOptions view,
         const Clock& clock, RandomSource& random, Metrics& metrics);
  ~Worker();

  void Start();
  // Starts no further attempt and waits for those under way, for at most the configured time.
  void Stop();
  // Every few seconds, on main's thread: takes over certificates that were replaced.
  void LookAtFiles() { contacts_->LookAtFiles(); }

 private:
  void MakeChannels();
  // Keeps `works_on_` in step with the shards that this process folds and whose view can be read.
  Task<void> FollowShards();

  const Config& config_;
  ServiceRuntime& runtime_;
  RpcQueue& queue_;
  const RedisOptions view_;
  const Clock& clock_;
  RandomSource& random_;
  SenderMetrics metrics_;

  std::unique_ptr<HttpClient> http_;
  Channels channels_;
  std::unique_ptr<IdentityContactResolver> contacts_;
  ServiceOutbox outbox_;

  // On the runtime's loop alone.
  std::vector<bool> works_on_;
  std::unique_ptr<Sender> sender_;
  std::unique_ptr<DeliveryCounter> counter_;
  std::unique_ptr<TaskGroup> tasks_;

  std::unique_ptr<RedisSubscriber> wakes_;
};

}  // namespace epigrid::notification
