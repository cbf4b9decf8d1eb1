#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "common/rpc/page_token.h"
#include "common/rpc/revision.h"
#include "common/rpc/status_details.h"
#include "common/rpc/token_text.h"
#include "common/rpc/trace.h"
#include "epigrid/health_code/v1/health_code.pb.h"
#include "google/rpc/status.pb.h"

namespace epigrid {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(RevisionTest, ComesBackInOrderWithTheGreatestOffsetOfAShard) {
  const std::string text = MakeRevision("health_code", {{7, 12}, {3, 5}, {7, 10}});
  EXPECT_THAT(ParseRevision(text, "health_code", 64).value(),
              ElementsAre(ShardPosition{3, 5}, ShardPosition{7, 12}));
  EXPECT_EQ(text.find_first_of("+/="), std::string::npos);
  EXPECT_THAT(ParseRevision("", "health_code", 64).value(), IsEmpty());
  EXPECT_EQ(MakeRevision("health_code", {}), "");
}

// What a batch gets that touches every shard of the largest log.
TEST(RevisionTest, OneOfAllShardsIsTakenBack) {
  std::vector<ShardPosition> all;
  for (Shard shard = 0; shard < kShardCountMax; ++shard) {
    all.push_back({shard, std::numeric_limits<uint64_t>::max() - shard});
  }
  const std::string text = MakeRevision("contact_tracing", all);
  const auto positions = ParseRevision(text, "contact_tracing", kShardCountMax);
  ASSERT_TRUE(positions.ok()) << text.size() << " characters";
  EXPECT_EQ(*positions, all);
  EXPECT_EQ(
      ParseRevision(std::string(40'000, 'A'), "contact_tracing", kShardCountMax).status().reason(),
      "REVISION_MALFORMED");
}

TEST(RevisionTest, RubbishIsMalformed) {
  const std::string good = MakeRevision("health_code", {{7, 12}});
  std::vector<std::string> bad = {"x",
                                  "????",
                                  good + "A",
                                  good.substr(1),
                                  good.substr(0, good.size() - 1),
                                  std::string(10000, 'A'),
                                  MakeRevision("health_code", {{64, 1}}),
                                  MakeRevision("health_code", {{1, 0}}),
                                  MakeRevision("", {{1, 1}}),
                                  ToTokenText("")};
  for (size_t i = 0; i < good.size(); ++i) {
    std::string flipped = good;
    flipped[i] = flipped[i] == 'A' ? 'B' : 'A';
    bad.push_back(flipped);
  }
  for (const std::string& text : bad) {
    EXPECT_EQ(ParseRevision(text, "health_code", 64).status().reason(), "REVISION_MALFORMED")
        << text;
  }
}

TEST(RevisionTest, AnotherServicesIsToldApart) {
  const Status status =
      ParseRevision(MakeRevision("identity", {{1, 1}}), "health_code", 64).status();
  EXPECT_EQ(status.reason(), "REVISION_OF_ANOTHER_SERVICE");
  EXPECT_EQ(status.metadata().at("field"), "revision");
}

TEST(PageTokenTest, GoesOnWithTheSameQueryOnly) {
  constexpr char kMethod[] = "epigrid.health_code.v1.HealthCodeService/ListEvidence";
  health_code::v1::ListEvidenceRequest request;
  request.set_person_id("person_1");
  request.set_page_size(10);
  const uint64_t query = QueryFingerprint(kMethod, request);
  const std::string token = MakePageToken(query, std::string("a\0b", 3));
  request.set_page_token(token);
  request.set_page_size(20);
  EXPECT_EQ(QueryFingerprint(kMethod, request), query);
  EXPECT_EQ(ParsePageToken(token, query).value(), std::string("a\0b", 3));
  EXPECT_EQ(ParsePageToken("", query).value(), "");

  request.set_person_id("person_2");
  EXPECT_EQ(ParsePageToken(token, QueryFingerprint(kMethod, request)).status().reason(),
            "PAGE_TOKEN_INVALID");
  EXPECT_EQ(ParsePageToken(token, QueryFingerprint("other/Method", request)).status().reason(),
            "PAGE_TOKEN_INVALID");
  EXPECT_EQ(ParsePageToken(token + "x", query).status().reason(), "PAGE_TOKEN_INVALID");
  EXPECT_EQ(ParsePageToken(MakeRevision("health_code", {{1, 1}}), query).status().reason(),
            "PAGE_TOKEN_INVALID");
}

TEST(StatusDetailsTest, AStatusSurvivesTheWire) {
  const Status status =
      WithRetryAfter(ResourceExhausted("CLASS_LIMIT", "send fewer at once").With("class", "BULK"),
                     std::chrono::milliseconds(1500));
  EXPECT_EQ(FromGrpcStatus(ToGrpcStatus(status)), status);
  google::rpc::Status proto;
  SetProtoStatus(status, &proto);
  EXPECT_EQ(FromProtoStatus(proto), status);
  SetProtoStatus(OkStatus(), &proto);
  EXPECT_EQ(proto.ByteSizeLong(), 0u);
  EXPECT_TRUE(FromProtoStatus(proto).ok());
}

TEST(StatusDetailsTest, AForeignStatusGetsAReasonToo) {
  const Status status =
      FromGrpcStatus(grpc::Status(grpc::UNAVAILABLE, "no connection", "\xff rubbish"));
  EXPECT_EQ(status, Status(Code::kUnavailable, "RPC_UNAVAILABLE", "no connection"));
}

TEST(TraceParentTest, AGoodOneKeepsItsTraceAndABadOneIsReplaced) {
  const TraceParent taken("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 1, 2, 3);
  EXPECT_EQ(taken.header(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000003-01");
  EXPECT_EQ(taken.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
  for (const char* bad : {"", "00", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"}) {
    const TraceParent made(bad, 0xabc, 2, 0);
    EXPECT_TRUE(TraceParent::IsValid(made.header())) << made.header();
    EXPECT_EQ(made.trace_id(), "0000000000000abc0000000000000003");
  }
}

}  // namespace
}  // namespace epigrid
