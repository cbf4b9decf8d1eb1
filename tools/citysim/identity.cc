// What a person of the city is called and known by: all functions of seed and index.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

#include "common/base/ids.h"
#include "tools/citysim/city.h"
#include "tools/citysim/random.h"

namespace epigrid::citysim {
namespace {

// The most common first; the most common surnames of mainland China.
constexpr std::string_view kSurnames[] = {
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡",
    "郭", "何", "林", "高", "罗", "郑", "梁", "谢", "宋", "唐", "许", "韩", "冯", "邓", "曹",
    "彭", "曾", "肖", "田", "董", "袁", "潘", "蔡", "蒋", "余", "于", "杜", "叶", "程", "苏",
    "魏", "吕", "丁", "任", "沈", "姚", "卢", "姜", "崔", "钟", "谭", "陆", "汪", "范", "欧阳"};
constexpr std::string_view kFemaleNames[] = {
    "芳", "娜", "敏", "静", "丽", "艳", "娟", "霞", "秀", "英", "华", "慧", "巧", "美", "婷",
    "雪", "琳", "晶", "妍", "茜", "秋", "珊", "莎", "黛", "青", "倩", "婉", "娴", "瑾", "颖",
    "露", "瑶", "怡", "婵", "雁", "蓓", "仪", "荷", "丹", "蓉", "眉", "君", "琴", "蕊", "薇",
    "菁", "梦", "岚", "苑", "筠", "柔", "竹", "霭", "凝", "晓", "欢", "霄", "枫", "芸", "菲"};
constexpr std::string_view kMaleNames[] = {
    "伟", "强", "磊", "洋", "勇", "军", "杰", "涛", "超", "明", "刚", "平", "辉", "鹏", "斌",
    "波", "宁", "志", "建", "国", "海", "山", "仁", "毅", "俊", "峰", "永", "健", "世", "广",
    "义", "兴", "良", "宏", "振", "壮", "飞", "彬", "富", "顺", "信", "子", "楠", "榕", "风",
    "航", "弘", "昊", "睿", "哲", "瀚", "宇", "浩", "凯", "晨", "辰", "泽", "轩", "博", "文"};
constexpr std::string_view kEnglishNames[] = {"Alice", "Ben",  "Clara", "Daniel", "Emma", "Frank",
                                              "Grace", "Hugo", "Irene", "Jack",   "Kate", "Leo"};
constexpr std::string_view kEnglishSurnames[] = {"Ashdown", "Brook",  "Calder", "Dunmore",
                                                 "Elwood",  "Farrow", "Garnet", "Holt",
                                                 "Ivory",   "Kestrel"};

// Provinces of GB/T 2260; the prefectures 66 to 70 of them are not given out.
constexpr std::array<uint32_t, 31> kProvinces{11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33,
                                              34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50,
                                              51, 52, 53, 54, 61, 62, 63, 64, 65};
constexpr uint64_t kPrefectures = 5;
constexpr uint64_t kCounties = 99;
constexpr uint64_t kSequences = 499;  // odd for men, even for women
constexpr uint64_t kNumbers = kProvinces.size() * kPrefectures * kCounties * kSequences;
constexpr uint64_t kStride = 1'000'003;  // a prime that does not divide kNumbers
static_assert(kNumbers > 5'000'000 && kNumbers % kStride != 0);

constexpr uint32_t kEnglishPerMille = 20;

// GB 11643: ISO 7064 MOD 11-2 over the first 17 digits.
char CheckDigit(std::string_view digits) {
  uint32_t remainder = 0;
  for (const char c : digits) remainder = (remainder + static_cast<uint32_t>(c - '0')) * 2 % 11;
  constexpr std::string_view kDigits = "0123456789X";
  return kDigits[(12 - remainder) % 11];
}

template <size_t kCount>
std::string_view Pick(const std::string_view (&from)[kCount], Random& random) {
  return from[random.Below(kCount)];
}

}  // namespace

std::string City::PersonIdOf(PersonIndex person) const {
  return DeriveId(kPersonId,
                  {"citysim", "person", fmt::to_string(options_.seed), fmt::to_string(person)});
}

std::string City::HouseholdIdOf(HouseholdIndex household) const {
  return DeriveId(kHouseholdId, {"citysim", "household", fmt::to_string(options_.seed),
                                 fmt::to_string(household)});
}

std::string City::SettingIdOf(PlaceIndex place) const {
  return DeriveId(kSettingId,
                  {"citysim", "setting", fmt::to_string(options_.seed), fmt::to_string(place)});
}

std::string_view City::LanguageOf(PersonIndex person) const {
  Random random(options_.seed, RandomUse::kPerson, people_.at(person).household, 1);
  return random.Chance(kEnglishPerMille) ? "en" : "zh";
}

std::string City::NameOf(PersonIndex person) const {
  const Person& who = people_.at(person);
  Random random(options_.seed, RandomUse::kPerson, person, 2);
  // Children have the surname of their father, who stands second in the household, or of whom they
  // have.
  const Household& household = households_[who.household];
  const bool child = who.age < 25 && person > household.first_member + 1;
  const PersonIndex namesake = child ? household.first_member + 1 : person;
  Random family(options_.seed, RandomUse::kPerson, namesake, 3);
  if (LanguageOf(person) == "en") {
    return fmt::format("{} {}", Pick(kEnglishNames, random), Pick(kEnglishSurnames, family));
  }
  const uint64_t rank =
      std::min(family.Below(std::size(kSurnames)), family.Below(std::size(kSurnames)));
  std::string name(kSurnames[rank]);
  const auto& given = who.female ? kFemaleNames : kMaleNames;
  if (random.Chance(800)) name += Pick(given, random);
  name += Pick(given, random);
  return name;
}

int32_t City::BirthDayOf(PersonIndex person) const {
  Random random(options_.seed, RandomUse::kPerson, person, 4);
  const int32_t today = zone_.LocalDay(options_.end);
  // The birthday was within the last 364 days: the age is right on any of them.
  return today - people_.at(person).age * 36'525 / 100 - 1 - random.Between(0, 362);
}

std::string City::ResidentIdOf(PersonIndex person) const {
  Random random(options_.seed, RandomUse::kPerson, 0, 5);
  // Different people get different (division, sequence) pairs, whatever their birth dates.
  uint64_t number = (person * kStride + random.Below(kNumbers)) % kNumbers;
  const uint64_t sequence = number % kSequences * 2 + (people_.at(person).female ? 2 : 1);
  number /= kSequences;
  const uint64_t county = number % kCounties + 1;
  number /= kCounties;
  const uint64_t prefecture = number % kPrefectures + 66;
  const uint32_t province = kProvinces[number / kPrefectures];
  const std::chrono::year_month_day birth{
      std::chrono::sys_days(std::chrono::days(BirthDayOf(person)))};
  std::string digits =
      fmt::format("{:02}{:02}{:02}{:04}{:02}{:02}{:03}", province, prefecture, county,
                  static_cast<int>(birth.year()), static_cast<unsigned>(birth.month()),
                  static_cast<unsigned>(birth.day()), sequence);
  return digits + CheckDigit(digits);
}

std::string City::ContactAddressOf(PersonIndex person) const {
  if (people_.at(person).guardian != kNone) return "";
  Random random(options_.seed, RandomUse::kPerson, person, 6);
  return fmt::format("u-{:016x}", random.Next());
}

std::string City::PlaceNameOf(PlaceIndex place) const {
  std::string name(InfoOf(places_.at(place).kind).name);
  name.front() = static_cast<char>(name.front() - 'a' + 'A');
  return fmt::format("{} {}", name, place + 1);
}

}  // namespace epigrid::citysim
