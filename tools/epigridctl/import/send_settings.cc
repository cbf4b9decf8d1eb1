#include "common/rpc/status_details.h"
#include "epigrid/contact_tracing/v1/contact_tracing.pb.h"
#include "tools/epigridctl/import/senders.h"
#include "tools/epigridctl/import/sending.h"

namespace epigrid::ctl {
namespace {

namespace pb = contact_tracing::v1;

constexpr char kUpdateSettings[] =
    "/epigrid.contact_tracing.v1.ContactTracingService/BatchUpdateSettings";

Result<pb::Setting> Convert(const SettingRow& row, const SendContext& context) {
  pb::Setting setting;
  pb::SettingCategory category = pb::SETTING_CATEGORY_UNSPECIFIED;
  if (!pb::SettingCategory_Parse("SETTING_CATEGORY_" + row.category, &category) ||
      category == pb::SETTING_CATEGORY_UNSPECIFIED || category == pb::SETTING_CATEGORY_HOUSEHOLD) {
    return InvalidArgument("IMPORT_VALUE_INVALID",
                           "column category is no known kind of setting; households come with "
                           "people")
        .With("field", "category");
  }
  setting.set_setting_id(IdOfKey(context, kSettingId, row.setting));
  setting.set_category(category);
  setting.set_region_code(row.region_code);
  if (row.latitude.has_value() && row.longitude.has_value()) {
    setting.mutable_location()->set_latitude(*row.latitude);
    setting.mutable_location()->set_longitude(*row.longitude);
  }
  if (row.usual_stay_minutes.has_value()) {
    setting.mutable_usual_stay()->set_seconds(int64_t{60} * *row.usual_stay_minutes);
  }
  setting.set_capacity(static_cast<uint32_t>(row.capacity.value_or(0)));
  return setting;
}

class SettingsSender final : public RowSender<SettingRow> {
 public:
  explicit SettingsSender(const SendContext& context) : context_(context) {}

  Result<std::vector<Status>> Send(const BatchRows<SettingRow>& batch) override {
    std::vector<Status> statuses(batch.rows.size());
    std::vector<size_t> rows;
    pb::BatchUpdateSettingsRequest request;
    for (size_t i = 0; i < batch.rows.size(); ++i) {
      Result<pb::Setting> setting = Convert(batch.rows[i].row, context_);
      statuses[i] = setting.status();
      if (!setting.ok()) continue;
      *request.add_settings() = *std::move(setting);
      rows.push_back(i);
    }
    if (rows.empty() || context_.servers == nullptr) return statuses;
    request.set_request_id(RequestId(context_, "settings", batch.begin, request));
    pb::BatchUpdateSettingsResponse response;
    const auto check = [&response] {
      for (const pb::SettingResult& result : response.results()) {
        Status status = FromProtoStatus(result.status());
        if (IsWorthRetrying(status)) return status;
      }
      return OkStatus();
    };
    EPIGRID_RETURN_IF_ERROR(
        CallUntilAnswered(context_, "contact_tracing", kUpdateSettings, request, &response, check));
    if (static_cast<size_t>(response.results_size()) != rows.size()) return AnswerMalformed();
    for (size_t n = 0; n < rows.size(); ++n) {
      statuses[rows[n]] = FromProtoStatus(response.results(static_cast<int>(n)).status());
    }
    return statuses;
  }

 private:
  const SendContext& context_;
};

}  // namespace

std::unique_ptr<RowSender<SettingRow>> SendSettings(const SendContext& context) {
  return std::make_unique<SettingsSender>(context);
}

}  // namespace epigrid::ctl
