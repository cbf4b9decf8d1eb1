#include "services/notification/domain/templates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace epigrid::notification {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::vector<std::string> kRules = {"CASE", "CLOSE_CONTACT", "PLACE_EXPOSURE",
                                         "A_RULE_OF_LATER"};

v1::Message MessageOf(std::string_view template_name, int colour, int measure, unsigned rules) {
  v1::Message message;
  message.set_message_id("message_secret");
  message.set_person_id("person_secret");
  message.set_template_name(std::string(template_name));
  message.set_colour(static_cast<health_code::v1::Colour>(colour));
  message.set_measure(static_cast<health_code::v1::Measure>(measure));
  for (size_t i = 0; i < kRules.size(); ++i) {
    if ((rules >> i & 1) != 0) message.add_rules(kRules[i]);
  }
  return message;
}

// Calls fn(message) with every combination.
template <typename Fn>
void ForEachMessage(Fn fn) {
  for (const std::string_view name :
       {kCodeChangedTemplate, kNewlyExposedTemplate, kFirstExposedTemplate}) {
    // UNDER_REVIEW is shown, never told.
    for (int colour = 0; colour <= health_code::v1::COLOUR_RED; ++colour) {
      for (int measure = 0; measure < health_code::v1::Measure_ARRAYSIZE; ++measure) {
        for (unsigned rules = 0; rules < 1u << kRules.size(); ++rules) {
          fn(MessageOf(name, colour, measure, rules));
        }
      }
    }
  }
}

TEST(TemplatesTest, EveryTextSaysWhatWhyWhatToDoAndThatNoReplyIsNeeded) {
  ForEachMessage([](const v1::Message& message) {
    for (const About about : {About::kAddressee, About::kDependant}) {
      const std::string english = MessageText(message, "en", about);
      EXPECT_THAT(english, HasSubstr("ealth code"));
      EXPECT_THAT(english, HasSubstr(" Why: "));
      EXPECT_THAT(english, HasSubstr(" What to do: "));
      EXPECT_THAT(english, HasSubstr("You need not reply"));
      const std::string chinese = MessageText(message, "zh", about);
      EXPECT_THAT(chinese, HasSubstr("健康码"));
      EXPECT_THAT(chinese, HasSubstr("原因："));
      EXPECT_THAT(chinese, HasSubstr("请您："));
      EXPECT_THAT(chinese, HasSubstr("无需回复"));
      for (const std::string& text : {english, chinese}) {
        EXPECT_THAT(text, Not(HasSubstr("{")));
        EXPECT_THAT(text, Not(HasSubstr("secret"))) << "no id stands in a text";
        EXPECT_THAT(text, Not(HasSubstr("_"))) << "no rule's name stands in a text";
        EXPECT_LE(text.size(), 800u);
      }
    }
  });
}

TEST(TemplatesTest, TextsOfDifferentMeaningDiffer) {
  std::map<std::string, std::string> meaning_of;
  ForEachMessage([&](const v1::Message& message) {
    std::string meaning = message.template_name() + std::to_string(message.colour()) +
                          std::to_string(message.measure());
    for (const std::string& rule : message.rules()) meaning += rule;
    for (const About about : {About::kAddressee, About::kDependant}) {
      for (const char* language : {"en", "zh"}) {
        const auto [at, is_new] =
            meaning_of.emplace(MessageText(message, language, about), meaning);
        EXPECT_TRUE(is_new) << at->first << " means " << at->second << " and " << meaning;
      }
    }
  });
}

TEST(TemplatesTest, ReadsWell) {
  EXPECT_EQ(
      MessageText(MessageOf("code_changed", health_code::v1::COLOUR_YELLOW,
                            health_code::v1::MEASURE_HEALTH_MONITORING, 0b100),
                  "en", About::kAddressee),
      "Your health code is now yellow. Why: you were at a place at the same time as an infected "
      "person. What to do: watch your health and take tests as you are told. Your code shows "
      "the details and what clears it. You need not reply to this message.");
  EXPECT_EQ(MessageText(MessageOf("code_changed", health_code::v1::COLOUR_GREEN,
                                  health_code::v1::MEASURE_NONE, 0),
                        "zh", About::kAddressee),
            "您的健康码现为绿码。原因：已没有需要限制您的原因。请您：无需采取任何措施。"
            "详情和解除条件请见您的健康码。此消息无需回复。");
}

TEST(TemplatesTest, TellsAGuardianAboutADependant) {
  const v1::Message message =
      MessageOf("code_changed", health_code::v1::COLOUR_RED, health_code::v1::MEASURE_HOME, 0b10);
  EXPECT_EQ(MessageText(message, "en", About::kDependant),
            "The health code of a person you answer for is now red. Why: they live with, or were "
            "close to, an infected person. What to do: see that they stay at home, and apart from "
            "others where they can. Their code shows the details and what clears it. You need not "
            "reply to this message.");
  EXPECT_EQ(MessageText(message, "zh", About::kDependant),
            "您所监护的人的健康码现为红码。原因：此人与一名感染者共同居住或有过密切接触。请您："
            "让此人居家，不要外出，并尽量与他人分开。详情和解除条件请见此人的健康码。"
            "此消息无需回复。");
  ForEachMessage([](const v1::Message& any) {
    const std::string english = MessageText(any, "en", About::kDependant);
    for (const char* own : {"Your ", " your ", "you are reported", "you were", "you live"}) {
      EXPECT_THAT(english, Not(HasSubstr(own))) << "it is not about the reader";
    }
    const std::string chinese = MessageText(any, "zh", About::kDependant);
    EXPECT_THAT(chinese, Not(HasSubstr("您的"))) << "it is not about the reader";
    EXPECT_THAT(chinese, HasSubstr("您所监护的人"));
  });
}

TEST(TemplatesTest, SaysFurtherOnlyToWhoWasToldBefore) {
  const auto text = [](std::string_view template_name, std::string_view language) {
    return MessageText(
        MessageOf(template_name, health_code::v1::COLOUR_GREEN, health_code::v1::MEASURE_NONE, 0),
        language, About::kAddressee);
  };
  EXPECT_EQ(text("first_exposed", "en"),
            "You may have met an infected person. Your health code stays green. Why: what is known "
            "gives no reason to restrict you. What to do: nothing. Your code shows the details and "
            "what clears it. You need not reply to this message.");
  EXPECT_THAT(text("first_exposed", "zh"), Not(HasSubstr("又")));
  EXPECT_THAT(text("newly_exposed", "en"), HasSubstr("A further case concerns you."));
  EXPECT_THAT(text("newly_exposed", "zh"), HasSubstr("又有一例感染者"));
}

TEST(TemplatesTest, NamesEachReasonOnce) {
  v1::Message message =
      MessageOf("code_changed", health_code::v1::COLOUR_RED, health_code::v1::MEASURE_CENTRAL, 0);
  message.add_rules("ONE_OF_LATER");
  message.add_rules("ANOTHER_OF_LATER");
  const std::string text = MessageText(message, "en", About::kAddressee);
  EXPECT_EQ(text.find("a rule now in force"), text.rfind("a rule now in force"));
}

TEST(TemplatesTest, SpeaksChineseWhereTheLanguageIsUnknown) {
  const v1::Message message =
      MessageOf("code_changed", health_code::v1::COLOUR_RED, health_code::v1::MEASURE_CENTRAL, 1);
  for (const About about : {About::kAddressee, About::kDependant}) {
    EXPECT_EQ(MessageText(message, "", about), MessageText(message, "zh", about));
    EXPECT_EQ(MessageText(message, "fr", about), MessageText(message, "zh", about));
    EXPECT_NE(MessageText(message, "en", about), MessageText(message, "zh", about));
  }
}

}  // namespace
}  // namespace epigrid::notification
