// The notification service as a whole, on a real Redis, with a real identity server and a real HTTP
// receiver: code changes in, signed webhooks out.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "common/base/proto_time.h"
#include "common/event_log/redis_streams_log.h"
#include "common/redis/testing/redis_server.h"
#include "common/rpc/status_details.h"
#include "common/service/quiet.h"
#include "services/notification/app.h"
#include "services/notification/channels/testing/webhook_receiver.h"
#include "services/notification/sender/testing/identity_server.h"
#include "tests/fakes/temporary_directory.h"

namespace epigrid::notification {
namespace {

using health_code::v1::COLOUR_GREEN;
using health_code::v1::COLOUR_RED;
using std::chrono::seconds;
using testing::SizeIs;
using Post = WebhookReceiver::Post;

constexpr uint32_t kShards = 8;
const char kSecret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const char kTopic[] = "health_code.code.v1";

std::string PersonId(uint8_t number) { return MakeId(kPersonId, IdBytes{number}); }

// One process of the service, composed as its main function does.
class Running {
 public:
  explicit Running(const std::vector<std::string>& flags) : process_("notification") {
    storage_.AddTo(process_.config());
    config_.AddTo(process_.config());
    std::vector<const char*> argv = {"test", "--server-listen=127.0.0.1:0",
                                     "--admin-listen=127.0.0.1:0"};
    for (const std::string& flag : flags) argv.push_back(flag.c_str());
    EPIGRID_CHECK(!process_.Configure(static_cast<int>(argv.size()), argv.data()), "bad flags");
    app_.emplace(config_, storage_, process_);
    const Status started = app_->Start();
    EPIGRID_CHECK(started.ok(), started.ToString());
    Promise<int> listening;
    process_.OnListening([listening](int grpc, int) { listening.Set(grpc); });
    thread_ = std::thread([this] { process_.Run(); });
    stub_ = v1::NotificationService::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(listening.future().Wait()),
                            grpc::InsecureChannelCredentials()));
  }
  ~Running() {
    process_.RequestStop();
    thread_.join();
  }

  // Until nothing is due or under way.
  void AwaitQuiet() {
    const SystemClock clock;
    const auto report =
        Run(epigrid::AwaitQuiet({&app_->runtime()}, clock.Now(), clock, clock.Now() + seconds(60)))
            .Wait();
    EPIGRID_CHECK(report.ok(), report.status().ToString());
    EXPECT_EQ(report->waiting_for, "");
  }
  std::vector<v1::Message> MessagesOf(const std::string& person_id, int page_size = 0) {
    std::vector<v1::Message> messages;
    v1::ListMessagesRequest request;
    request.set_person_id(person_id);
    request.set_page_size(page_size);
    for (;;) {
      grpc::ClientContext context;
      v1::ListMessagesResponse response;
      const grpc::Status status = stub_->ListMessages(&context, request, &response);
      if (FromGrpcStatus(status).reason() == "VIEW_REBUILDING") continue;  // it has just begun
      EPIGRID_CHECK(status.ok(), status.error_message());
      messages.insert(messages.end(), response.messages().begin(), response.messages().end());
      request.set_page_token(response.next_page_token());
      if (response.next_page_token().empty()) return messages;
    }
  }
  // The reason, if it fails.
  std::string GetMessage(const std::string& person_id, const std::string& message_id,
                         v1::Message* message) {
    grpc::ClientContext context;
    v1::GetMessageRequest request;
    request.set_person_id(person_id);
    request.set_message_id(message_id);
    v1::GetMessageResponse response;
    const grpc::Status status = stub_->GetMessage(&context, request, &response);
    *message = response.message();
    return status.ok() ? "" : FromGrpcStatus(status).reason();
  }
  std::string Metrics() { return process_.metrics().Text(); }

 private:
  Process process_;
  StorageConfig storage_;
  Config config_;
  std::optional<App> app_;
  std::thread thread_;
  std::unique_ptr<v1::NotificationService::Stub> stub_;
};

class NotificationComponentTest : public testing::Test {
 protected:
  std::unique_ptr<Running> Start(const std::string& url, const std::string& instance = "one") {
    std::ofstream(directory_ / "endpoints.yaml")
        << "version: 1\nendpoints:\n  - name: web\n    channel: webhook\n    url: " << url
        << "\n    secret: " << kSecret << "\n";
    return std::make_unique<Running>(std::vector<std::string>{
        "--log-redis-address=unix:" + log_server_.address().ToString(),
        "--view-redis-address=unix:" + view_server_.address().ToString(),
        "--log-shard-count=" + std::to_string(kShards), "--instance-name=" + instance,
        "--notification-endpoints=" + (directory_ / "endpoints.yaml").string(),
        "--notification-identity-address=" + identity_.address(),
        "--notification-identity-token=token", "--notification-drain-deadline=0s",
        "--notification-attempt-timeout=6s", "--notification-webhook-timeout=2s"});
  }

  // As health_code would.
  void PublishChanges(const std::vector<std::pair<std::string, health_code::v1::Colour>>& changes) {
    if (log_ == nullptr) {
      log_ = std::make_unique<RedisStreamsLog>(
          loop_, RedisStreamsLogOptions{.redis = {.address = log_server_.address()}});
      EPIGRID_CHECK(log_->Open({.shard_count = kShards}).Wait().ok(), "the log opens");
      producer_ = log_->NewProducer();
    }
    std::vector<NewRecord> records;
    for (const auto& [person_id, colour] : changes) {
      const Shard shard = ShardOf(person_id, kShards);
      Envelope envelope;
      envelope.set_schema_version(kSchemaVersion);
      *envelope.mutable_recorded_at() = ToProto(loop_.Now());
      events::v1::Position& position = *envelope.mutable_position();
      position.set_stream(kTopic);
      position.set_source_shard(shard);
      position.set_offset(++versions_);
      events::v1::CodeChanged& changed = *envelope.add_events()->mutable_code_changed();
      changed.set_person_id(person_id);
      changed.set_version(versions_);
      changed.set_colour(colour);
      changed.set_measure(health_code::v1::MEASURE_HOME);
      records.push_back({{kTopic, shard}, person_id, envelope.SerializeAsString()});
    }
    const auto appended = producer_->Append(std::move(records)).Wait();
    EPIGRID_CHECK(appended.ok(), appended.status().ToString());
  }

  RedisServer log_server_{{.config = {"--appendonly", "yes", "--appendfsync", "always"}}};
  RedisServer view_server_;
  IdentityServer identity_{"token"};
  const TemporaryDirectory directory_;
  EventLoop loop_{"test"};
  std::unique_ptr<RedisStreamsLog> log_;
  std::unique_ptr<Producer> producer_;
  uint64_t versions_ = 0;
};

TEST_F(NotificationComponentTest, CodeChangesArriveAsSignedWebhooksOnce) {
  WebhookReceiver receiver;
  auto running = Start(receiver.url());
  std::vector<std::pair<std::string, health_code::v1::Colour>> changes;
  for (uint8_t i = 0; i < 200; ++i) {
    changes.emplace_back(PersonId(i), COLOUR_RED);
    identity_.Set(PersonId(i), {{"web", PersonId(i)}});
  }
  PublishChanges(changes);
  receiver.AwaitPosts(200);
  running->AwaitQuiet();

  const std::vector<Post> posts = receiver.posts();
  ASSERT_THAT(posts, SizeIs(200));
  std::set<std::string> ids;
  for (const Post& post : posts) {
    EXPECT_TRUE(WebhookReceiver::IsSignedBy(*WebhookSecret::Parse(kSecret), post));
    ids.insert(post.id);
    const std::string person_id = nlohmann::json::parse(post.body)["data"]["address"];
    v1::Message message;
    EXPECT_EQ(running->GetMessage(person_id, post.id, &message), "");
    EXPECT_EQ(message.state(), v1::MESSAGE_STATE_DELIVERED);
    EXPECT_EQ(message.attempts_size(), 1);
    EXPECT_EQ(message.attempts(0).endpoint(), "web");
  }
  EXPECT_THAT(ids, SizeIs(200));
  EXPECT_THAT(running->Metrics(),
              testing::HasSubstr("epigrid_notification_attempts_total{outcome=\"DELIVERED\"} 200"));
}

TEST_F(NotificationComponentTest, TheApiListsAndRefuses) {
  WebhookReceiver receiver;
  auto running = Start(receiver.url());
  identity_.Set(PersonId(1), {{"web", "a"}});
  for (size_t sent = 1; sent <= 3; ++sent) {
    PublishChanges({{PersonId(1), sent % 2 == 0 ? COLOUR_GREEN : COLOUR_RED}});
    receiver.AwaitPosts(sent);
  }
  running->AwaitQuiet();
  const std::vector<v1::Message> messages = running->MessagesOf(PersonId(1), 2);
  ASSERT_THAT(messages, SizeIs(3));
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(messages[i].message_id(), receiver.posts()[2 - i].id) << "newest first";
  }
  v1::Message message;
  EXPECT_EQ(running->GetMessage(PersonId(2), messages[0].message_id(), &message),
            "MESSAGE_UNKNOWN");
  EXPECT_EQ(running->GetMessage("person_x", messages[0].message_id(), &message), "ID_MALFORMED");
  EXPECT_EQ(running->GetMessage(PersonId(1), "", &message), "ID_MALFORMED");
  EXPECT_THAT(running->MessagesOf(PersonId(2)), SizeIs(0));
}

TEST_F(NotificationComponentTest, OnlyTheNewestIsSentOfWhatCameWhileNobodyCouldBeReached) {
  WebhookReceiver receiver;
  identity_.set_available(false);
  auto running = Start(receiver.url());
  identity_.Set(PersonId(1), {{"web", "a"}});
  PublishChanges({{PersonId(1), COLOUR_RED}, {PersonId(1), COLOUR_GREEN}});
  while (running->MessagesOf(PersonId(1)).size() < 2) std::this_thread::yield();
  identity_.set_available(true);
  receiver.AwaitPosts(1);
  running->AwaitQuiet();

  const std::vector<v1::Message> messages = running->MessagesOf(PersonId(1));
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_EQ(messages[0].state(), v1::MESSAGE_STATE_DELIVERED);
  EXPECT_EQ(messages[1].state(), v1::MESSAGE_STATE_SUPERSEDED);
  ASSERT_THAT(receiver.posts(), SizeIs(1));
  EXPECT_EQ(receiver.posts()[0].id, messages[0].message_id());
}

TEST_F(NotificationComponentTest, WhatADeadProcessStartedIsSentAgainUnderItsId) {
  std::atomic<bool> hold = true;
  WebhookReceiver receiver([&](const Post&) { return hold ? WebhookReceiver::kHold : 200; });
  auto running = Start(receiver.url());
  std::vector<std::pair<std::string, health_code::v1::Colour>> changes;
  for (uint8_t i = 0; i < 12; ++i) {
    changes.emplace_back(PersonId(i), COLOUR_RED);
    identity_.Set(PersonId(i), {{"web", PersonId(i)}});
  }
  PublishChanges(changes);
  receiver.AwaitPosts(12);
  running.reset();  // its posts are under way, and it does not wait for them
  hold = false;
  receiver.ReleaseHeld();

  running = Start(receiver.url(), "two");
  receiver.AwaitPosts(24);
  running->AwaitQuiet();
  std::map<std::string, int> times;
  for (const Post& post : receiver.posts()) ++times[post.id];
  ASSERT_THAT(times, SizeIs(12));
  for (const auto& [id, count] : times) EXPECT_EQ(count, 2) << id;
  for (uint8_t i = 0; i < 12; ++i) {
    const std::vector<v1::Message> messages = running->MessagesOf(PersonId(i));
    ASSERT_THAT(messages, SizeIs(1));
    ASSERT_EQ(messages[0].attempts_size(), 2);
    EXPECT_EQ(messages[0].attempts(0).outcome(), v1::ATTEMPT_OUTCOME_ABANDONED);
    const Duration waited = FromProto(messages[0].attempts(1).start_time()) -
                            FromProto(messages[0].attempts(0).start_time());
    EXPECT_GE(waited, seconds(5)) << "not before its attempt had its time";
  }
}

TEST_F(NotificationComponentTest, TwoProcessesShareTheWork) {
  WebhookReceiver receiver;
  auto one = Start(receiver.url(), "one");
  auto two = Start(receiver.url(), "two");
  std::vector<std::pair<std::string, health_code::v1::Colour>> changes;
  for (uint8_t i = 0; i < 100; ++i) {
    changes.emplace_back(PersonId(i), COLOUR_RED);
    identity_.Set(PersonId(i), {{"web", PersonId(i)}});
  }
  PublishChanges(changes);
  receiver.AwaitPosts(100);
  one->AwaitQuiet();
  EXPECT_THAT(receiver.posts(), SizeIs(100));
}

}  // namespace
}  // namespace epigrid::notification
