#include "services/notification/sender/identity_contact_resolver.h"

#include <gmock/gmock.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include "common/app/testing/test_authority.h"
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

// Known by a certificate of an authority that identity trusts, and reading anew what was replaced.
TEST_F(IdentityContactResolverTest, TakesOverCertificatesThatWereReplaced) {
  const TestAuthority authority("city");
  const TestAuthority another("another");
  const TemporaryDirectory directory;
  const auto trust = [&](const TestAuthority& one) {
    one.Issue("sender", "sender.example", directory / "");
    std::filesystem::copy_file(one.certificate(), directory / "ca.pem",
                               std::filesystem::copy_options::overwrite_existing);
  };
  authority.Issue("identity", "localhost", directory / "");
  grpc::SslServerCredentialsOptions server(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  server.pem_root_certs = ReadText(authority.certificate());
  server.pem_key_cert_pairs.push_back(
      {ReadText(directory / "identity.key"), ReadText(directory / "identity.pem")});
  IdentityServer identity("token", grpc::SslServerCredentials(server));
  identity.Set("person_a", {});

  trust(another);
  const auto files = std::make_shared<TlsFiles>(TlsPaths{.certificate = directory / "sender.pem",
                                                         .key = directory / "sender.key",
                                                         .ca = directory / "ca.pem"});
  ASSERT_TRUE(files->Load().ok());
  IdentityContactResolver resolver(queue_, {.address = identity.address(),
                                            .tls = files,
                                            .tls_name = "localhost",
                                            .token = "token",
                                            .deadline = milliseconds(500)});
  EXPECT_FALSE(resolver.Resolve({"person_a"}).Wait().ok());
  trust(authority);
  resolver.LookAtFiles();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!resolver.Resolve({"person_a"}).Wait().ok()) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
  }
}

// Its channel is the only one here that has callbacks, so that gRPC ends their threads with it.
TEST_F(IdentityContactResolverTest, GoesWhileItsLastAnswerComes) {
  identity_.Set("person_a", {});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Resolve({"person_a"}).ok());
}

}  // namespace
}  // namespace epigrid::notification
