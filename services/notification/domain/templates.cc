#include "services/notification/domain/templates.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace epigrid::notification {
namespace {

using health_code::v1::Colour;
using health_code::v1::Measure;

// The phrases of one language, about one who reads them or about a dependant.
struct Phrases {
  // The code is now, and the code stays; "{}" is the colour.
  std::string_view changed;
  std::string_view newly_exposed;
  std::string_view first_exposed;
  // Green, yellow, red.
  std::array<std::string_view, 3> colours;
  std::string_view colour_unknown;

  std::string_view why;  // "{}" is the reasons
  std::string_view between_reasons;
  std::string_view of_case;
  std::string_view of_close_contact;
  std::string_view of_place_exposure;
  std::string_view of_other_rule;
  std::string_view none_left;     // green without a reason
  std::string_view none_arises;   // the same, where it was green before
  std::string_view see_the_code;  // another colour without a reason

  std::string_view what_to_do;  // "{}" is the measure
  std::string_view nothing;
  std::string_view health_monitoring;
  std::string_view home;
  std::string_view central;
  std::string_view measure_unknown;

  std::string_view closing;
  std::string_view between_sentences;
};

constexpr Phrases kEnglish = {
    .changed = "Your health code is now {}.",
    .newly_exposed = "A further case concerns you. Your health code stays {}.",
    .first_exposed = "You may have met an infected person. Your health code stays {}.",
    .colours = {"green", "yellow", "red"},
    .colour_unknown = "as it is shown to you",
    .why = "Why: {}.",
    .between_reasons = "; ",
    .of_case = "you are reported as infected",
    .of_close_contact = "you live with, or were close to, an infected person",
    .of_place_exposure = "you were at a place at the same time as an infected person",
    .of_other_rule = "a rule now in force applies to you",
    .none_left = "there is no reason left to restrict you",
    .none_arises = "what is known gives no reason to restrict you",
    .see_the_code = "the reason is shown with your code",
    .what_to_do = "What to do: {}.",
    .nothing = "nothing",
    .health_monitoring = "watch your health and take tests as you are told",
    .home = "stay at home, and apart from others where you can",
    .central =
        "stay where the health authority tells you to; until you are told, stay where you are and "
        "apart from others",
    .measure_unknown = "as it is shown with your code",
    .closing =
        "Your code shows the details and what clears it. You need not reply to this message.",
    .between_sentences = " "};

constexpr Phrases kChinese = {
    .changed = "您的健康码现为{}。",
    .newly_exposed = "又有一例感染者与您有关，您的健康码仍为{}。",
    .first_exposed = "您可能曾接触一名感染者，您的健康码仍为{}。",
    .colours = {"绿码", "黄码", "红码"},
    .colour_unknown = "页面所示",
    .why = "原因：{}。",
    .between_reasons = "；",
    .of_case = "您已被报告为感染者",
    .of_close_contact = "您与一名感染者共同居住或有过密切接触",
    .of_place_exposure = "您曾与一名感染者同时在同一场所",
    .of_other_rule = "现行防控规则适用于您",
    .none_left = "已没有需要限制您的原因",
    .none_arises = "目前没有需要限制您的原因",
    .see_the_code = "请见健康码页面",
    .what_to_do = "请您：{}。",
    .nothing = "无需采取任何措施",
    .health_monitoring = "留意自身健康，并按通知参加检测",
    .home = "居家，不要外出，并尽量与他人分开",
    .central = "按卫生部门通知前往指定地点；接到通知前请留在原处并与他人分开",
    .measure_unknown = "按健康码页面的提示行事",
    .closing = "详情和解除条件请见您的健康码。此消息无需回复。",
    .between_sentences = ""};

constexpr Phrases kEnglishOfDependant = [] {
  Phrases phrases = kEnglish;
  phrases.changed = "The health code of a person you answer for is now {}.";
  phrases.newly_exposed =
      "A further case concerns a person you answer for. Their health code stays {}.";
  phrases.first_exposed =
      "A person you answer for may have met an infected person. Their health code stays {}.";
  phrases.of_case = "they are reported as infected";
  phrases.of_close_contact = "they live with, or were close to, an infected person";
  phrases.of_place_exposure = "they were at a place at the same time as an infected person";
  phrases.of_other_rule = "a rule now in force applies to them";
  phrases.none_left = "there is no reason left to restrict them";
  phrases.none_arises = "what is known gives no reason to restrict them";
  phrases.see_the_code = "the reason is shown with their code";
  phrases.health_monitoring = "watch their health and see that they take tests as you are told";
  phrases.home = "see that they stay at home, and apart from others where they can";
  phrases.central =
      "see that they stay where the health authority tells you; until you are told, see that they "
      "stay where they are and apart from others";
  phrases.measure_unknown = "as it is shown with their code";
  phrases.closing =
      "Their code shows the details and what clears it. You need not reply to this message.";
  return phrases;
}();

constexpr Phrases kChineseOfDependant = [] {
  Phrases phrases = kChinese;
  phrases.changed = "您所监护的人的健康码现为{}。";
  phrases.newly_exposed = "又有一例感染者与您所监护的人有关，其健康码仍为{}。";
  phrases.first_exposed = "您所监护的人可能曾接触一名感染者，其健康码仍为{}。";
  phrases.of_case = "此人已被报告为感染者";
  phrases.of_close_contact = "此人与一名感染者共同居住或有过密切接触";
  phrases.of_place_exposure = "此人曾与一名感染者同时在同一场所";
  phrases.of_other_rule = "现行防控规则适用于此人";
  phrases.none_left = "已没有需要限制此人的原因";
  phrases.none_arises = "目前没有需要限制此人的原因";
  phrases.see_the_code = "请见此人的健康码页面";
  phrases.health_monitoring = "留意此人的健康，并按通知让其参加检测";
  phrases.home = "让此人居家，不要外出，并尽量与他人分开";
  phrases.central = "让此人按卫生部门通知前往指定地点；接到通知前让其留在原处并与他人分开";
  phrases.measure_unknown = "按此人健康码页面的提示行事";
  phrases.closing = "详情和解除条件请见此人的健康码。此消息无需回复。";
  return phrases;
}();

const Phrases& PhrasesFor(std::string_view language, About about) {
  const bool dependant = about == About::kDependant;
  if (language == "en") return dependant ? kEnglishOfDependant : kEnglish;
  return dependant ? kChineseOfDependant : kChinese;
}

std::string WhatChanged(const v1::Message& message, const Phrases& phrases) {
  std::string_view phrase = phrases.changed;
  if (message.template_name() == kNewlyExposedTemplate) phrase = phrases.newly_exposed;
  if (message.template_name() == kFirstExposedTemplate) phrase = phrases.first_exposed;
  const Colour colour = message.colour();
  std::string_view name = phrases.colour_unknown;
  if (colour >= health_code::v1::COLOUR_GREEN && colour <= health_code::v1::COLOUR_RED) {
    name = phrases.colours[static_cast<size_t>(colour - health_code::v1::COLOUR_GREEN)];
  }
  return fmt::format(fmt::runtime(phrase), name);
}

std::string_view ReasonOf(std::string_view rule, const Phrases& phrases) {
  if (rule == "CASE") return phrases.of_case;
  if (rule == "CLOSE_CONTACT") return phrases.of_close_contact;
  if (rule == "PLACE_EXPOSURE") return phrases.of_place_exposure;
  return phrases.of_other_rule;
}

std::string Why(const v1::Message& message, const Phrases& phrases) {
  std::vector<std::string_view> reasons;
  for (const std::string& rule : message.rules()) {
    const std::string_view reason = ReasonOf(rule, phrases);
    if (std::ranges::find(reasons, reason) == reasons.end()) reasons.push_back(reason);
  }
  if (reasons.empty() && message.colour() != health_code::v1::COLOUR_GREEN) {
    reasons.push_back(phrases.see_the_code);
  } else if (reasons.empty()) {
    const bool changed = message.template_name() == kCodeChangedTemplate;
    reasons.push_back(changed ? phrases.none_left : phrases.none_arises);
  }
  return fmt::format(fmt::runtime(phrases.why), fmt::join(reasons, phrases.between_reasons));
}

std::string WhatToDo(Measure measure, const Phrases& phrases) {
  std::string_view what = phrases.measure_unknown;
  switch (measure) {
    case health_code::v1::MEASURE_NONE: what = phrases.nothing; break;
    case health_code::v1::MEASURE_HEALTH_MONITORING: what = phrases.health_monitoring; break;
    case health_code::v1::MEASURE_HOME: what = phrases.home; break;
    case health_code::v1::MEASURE_CENTRAL: what = phrases.central; break;
    default: break;
  }
  return fmt::format(fmt::runtime(phrases.what_to_do), what);
}

}  // namespace

std::string MessageText(const v1::Message& message, std::string_view language, About about) {
  const Phrases& phrases = PhrasesFor(language, about);
  return fmt::format("{1}{0}{2}{0}{3}{0}{4}", phrases.between_sentences,
                     WhatChanged(message, phrases), Why(message, phrases),
                     WhatToDo(message.measure(), phrases), phrases.closing);
}

}  // namespace epigrid::notification
