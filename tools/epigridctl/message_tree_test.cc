#include "tools/epigridctl/message_tree.h"

#include <gtest/gtest.h>

#include "common/base/proto_time.h"
#include "common/rpc/status_details.h"
#include "epigrid/contact_tracing/v1/contact_tracing.pb.h"
#include "epigrid/health_code/v1/health_code.pb.h"

namespace epigrid::ctl {
namespace {

absl::TimeZone Shanghai() {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone("Asia/Shanghai", &zone));
  return zone;
}

TEST(MessageTreeTest, ACodeReadsLikeAForm) {
  health_code::v1::Code code;
  code.set_person_id("person_1");
  code.set_colour(health_code::v1::COLOUR_RED);
  code.set_measure(health_code::v1::MEASURE_HEALTH_MONITORING);
  health_code::v1::Reason& reason = *code.add_reasons();
  reason.set_rule("CASE");
  reason.add_evidence("case_1");
  reason.add_evidence("lab/7");
  *reason.mutable_since_time() = ToProto(Time::FromSeconds(1'668'126'600));
  code.set_version(3);
  EXPECT_EQ(FormatMessage(code, Shanghai()),
            "person_id:  person_1\n"
            "colour:     RED\n"
            "measure:    HEALTH_MONITORING\n"
            "reasons:\n"
            "  - rule:        CASE\n"
            "    evidence:    case_1, lab/7\n"
            "    since_time:  2022-11-11T08:30:00+08:00\n"
            "timeline:   none\n"
            "version:    3\n");
}

TEST(MessageTreeTest, NestedMessagesAreIndented) {
  contact_tracing::v1::Setting setting;
  setting.mutable_location()->set_latitude(30.25);
  setting.mutable_usual_stay()->set_seconds(5400);
  EXPECT_EQ(FormatMessage(setting, Shanghai()),
            "location:\n"
            "  latitude:   30.25\n"
            "  longitude:  0\n"
            "usual_stay:  1h30m\n"
            "capacity:    0\n");
}

TEST(MessageTreeTest, AStatusIsOneLine) {
  health_code::v1::BatchGetCodesResponse response;
  SetProtoStatus(InvalidArgument("ID_MALFORMED", "person_id must be an id"),
                 response.add_results()->mutable_status());
  response.add_results()->mutable_status();
  EXPECT_EQ(FormatMessage(response, Shanghai()),
            "results:\n"
            "  - status:  INVALID_ARGUMENT ID_MALFORMED: person_id must be an id\n"
            "  - status:  OK\n");
}

TEST(MessageTreeTest, TextCannotSteerTheTerminal) {
  health_code::v1::Code code;
  code.set_person_id("a\x1b[2J");
  EXPECT_NE(FormatMessage(code, Shanghai()).find("a\\x1B[2J"), std::string::npos);
}

TEST(MessageTreeTest, AMessageWithoutFieldsSaysSo) {
  EXPECT_EQ(FormatMessage(contact_tracing::v1::Deletion(), Shanghai()), "(empty)\n");
}

}  // namespace
}  // namespace epigrid::ctl
