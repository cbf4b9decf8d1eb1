#include "services/notification/sender/identity_contact_resolver.h"

#include <gmock/gmock.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include "common/base/event_loop.h"
#include "services/notification/sender/testing/identity_server.h"

namespace epigrid::notification {
namespace {

using std::chrono::milliseconds;

class IdentityContactResolverTest : public testing::Test {
 protected:
  Result<std::vector<ResolvedContact>> Resolve(std::vector<std::string> person_ids,
                                               const std::string& token = "token") {
    IdentityContactResolver resolver(
        queue_, {.address = identity_.address(), .token = token, .deadline = milliseconds(20'000)});
    return resolver.Resolve(std::move(person_ids)).Wait();
  }

  EventLoop loop_{"test"};
  RpcQueue queue_{loop_, grpc::ServerBuilder().AddCompletionQueue()};
  IdentityServer identity_{"token"};
};

TEST_F(IdentityContactResolverTest, AsksForManyAtOnce) {
  identity_.Set("person_a", {{"web", "address-1"}, {"file", "address-2"}}, "zh");
  identity_.Set("person_b", {}, "zh", /*guardian_answers=*/true);
  const auto contacts = Resolve({"person_a", "person_x", "person_b"});
  ASSERT_TRUE(contacts.ok()) << contacts.status().ToString();
  ASSERT_EQ(contacts->size(), 3u);
  ASSERT_EQ((*contacts)[0].contact_points.size(), 2u);
  EXPECT_EQ((*contacts)[0].contact_points[1].endpoint, "file");
  EXPECT_EQ((*contacts)[0].contact_points[1].address, "address-2");
  EXPECT_EQ((*contacts)[0].language, "zh");
  EXPECT_FALSE((*contacts)[0].guardian_answers);
  EXPECT_TRUE((*contacts)[2].guardian_answers);
  EXPECT_EQ((*contacts)[1].status.reason(), "PERSON_UNKNOWN");
  EXPECT_EQ((*contacts)[1].status.code(), Code::kNotFound);
  EXPECT_TRUE((*contacts)[2].status.ok());
  EXPECT_TRUE((*contacts)[2].contact_points.empty());
  EXPECT_EQ(identity_.calls(), 1u);
}

TEST_F(IdentityContactResolverTest, SaysWhyNobodyCouldBeAsked) {
  EXPECT_EQ(Resolve({"person_a"}, "another").status().reason(), "TOKEN_UNKNOWN");
  EXPECT_EQ(Resolve({"person_a"}, "").status().reason(), "TOKEN_UNKNOWN");
  identity_.set_available(false);
  EXPECT_EQ(Resolve({"person_a"}).status().reason(), "DRAINING");
}

TEST_F(IdentityContactResolverTest, GivesUpAtItsDeadlineAndWhenDestroyed) {
  // Nobody listens on port 1.
  IdentityContactResolver resolver(queue_,
                                   {.address = "127.0.0.1:1", .deadline = milliseconds(50)});
  EXPECT_EQ(resolver.Resolve({"person_a"}).Wait().status().code(), Code::kDeadlineExceeded);

  std::optional<Future<Result<std::vector<ResolvedContact>>>> cancelled;
  {
    IdentityContactResolver other(queue_,
                                  {.address = "127.0.0.1:1", .deadline = std::chrono::minutes(5)});
    cancelled.emplace(other.Resolve({"person_a"}));
  }
  EXPECT_EQ(std::move(*cancelled).Wait().status().code(), Code::kCancelled);
}

// Its channel is the only one here that has callbacks, so that gRPC ends their threads with it.
TEST_F(IdentityContactResolverTest, GoesWhileItsLastAnswerComes) {
  identity_.Set("person_a", {});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Resolve({"person_a"}).ok());
}

}  // namespace
}  // namespace epigrid::notification
