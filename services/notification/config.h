// The settings of the notification service: what the fold depends on, where messages may go, who
// knows the people.
#pragma once

#include <filesystem>
#include <vector>

#include "common/config/config.h"
#include "epigrid/notification/state/v1/state.pb.h"
#include "services/notification/endpoints.h"
#include "services/notification/sender/identity_contact_resolver.h"
#include "services/notification/sender/sender.h"

namespace epigrid::notification {

struct Config {
  // For the fold; see SendingConfiguration.
  Duration attempt_timeout = std::chrono::seconds(60);
  uint32_t attempts_max = 200;
  Duration backoff_initial = std::chrono::seconds(2);
  Duration backoff_max = std::chrono::minutes(10);
  Duration expire_after = std::chrono::hours(24);

  // For the worker.
  std::filesystem::path endpoints_file;
  uint32_t messages_in_hand_max = 1024;
  Duration webhook_timeout = std::chrono::seconds(10);
  Duration webhook_connect_timeout = std::chrono::seconds(3);
  uint32_t webhook_connections_max = 16;
  Duration drain_deadline = std::chrono::seconds(15);
  std::string identity_address;  // empty: this process
  std::filesystem::path identity_certificate;
  std::filesystem::path identity_client_certificate;
  std::filesystem::path identity_client_key;
  std::string identity_tls_name;
  bool identity_insecure = false;
  Secret identity_token;
  Duration identity_deadline = std::chrono::seconds(2);

  // Read from the files named above when the settings are checked.
  std::vector<Endpoint> endpoints;
  std::shared_ptr<TlsFiles> identity_tls;  // nullptr: identity is asked without TLS

  // Declares the settings notification.* and the rules between them.
  void AddTo(ConfigSpec& spec);

  // What the fold reads.
  state::v1::SendingConfiguration Sending() const;
  SenderOptions SenderSettings(uint32_t shard_count) const;
  IdentityOptions Identity() const;

 private:
  std::string ReadEndpoints();
  std::string ReadCertificates();
};

}  // namespace epigrid::notification
