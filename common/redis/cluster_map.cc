#include "common/redis/cluster_map.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace epigrid {
namespace {

constexpr size_t kHostMax = 253;     // of a name in DNS
constexpr size_t kNodesMax = 2'000;  // twice what Redis recommends

constexpr std::array<uint16_t, 256> MakeCrcTable() {
  std::array<uint16_t, 256> table{};
  for (uint32_t byte = 0; byte < table.size(); ++byte) {
    uint32_t crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    table[byte] = static_cast<uint16_t>(crc);
  }
  return table;
}
constexpr std::array<uint16_t, 256> kCrcTable = MakeCrcTable();

uint16_t Crc16(std::string_view text) {
  uint16_t crc = 0;
  for (const char c : text) {
    const auto index = static_cast<uint8_t>((crc >> 8) ^ static_cast<uint8_t>(c));
    crc = static_cast<uint16_t>((crc << 8) ^ kCrcTable[index]);
  }
  return crc;
}

// Up to the next space, which is taken off too.
std::string_view TakeWord(std::string_view& text) {
  const size_t space = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, space);
  text.remove_prefix(std::min(space + 1, text.size()));
  return word;
}

std::optional<uint16_t> ParseNumber(std::string_view text, uint16_t min, uint16_t max) {
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (number < min || number > max) return std::nullopt;
  return number;
}

// "?" is what a node says of a name that it does not know.
bool IsHost(std::string_view host) {
  return !host.empty() && host != "?" && host.size() <= kHostMax &&
         std::ranges::all_of(host, [](char c) { return c > ' ' && c < 0x7f; });
}

Status Malformed(const std::string& what) {
  return Internal("REDIS_CLUSTER_MALFORMED", "CLUSTER SLOTS was answered with " + what);
}

// [host or nil, port, id, ...]
std::optional<ClusterMap::Node> ParseNode(const Reply& reply, const RedisAddress& asked) {
  if (reply.elements.size() < 2) return std::nullopt;
  const Reply& host = reply.elements[0];
  const int64_t port = reply.elements[1].integer;
  if (port < 1 || port > UINT16_MAX) return std::nullopt;
  const std::string& name = host.text.empty() ? asked.host : host.text;
  if (!IsHost(name)) return std::nullopt;
  return ClusterMap::Node{name, static_cast<uint16_t>(port)};
}

// The place of a node in the map, which it is added to if it is new.
std::optional<uint16_t> PlaceOf(ClusterMap::Node node, ClusterMap& map) {
  const auto same = [&](const ClusterMap::Node& other) {
    return other.host == node.host && other.port == node.port;
  };
  const auto found = std::ranges::find_if(map.nodes, same);
  if (found != map.nodes.end()) return static_cast<uint16_t>(found - map.nodes.begin());
  if (map.nodes.size() >= kNodesMax) return std::nullopt;
  map.nodes.push_back(std::move(node));
  return static_cast<uint16_t>(map.nodes.size() - 1);
}

}  // namespace

uint16_t SlotOfKey(std::string_view key) {
  const size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  return Crc16(key) % kClusterSlots;
}

Result<ClusterMap> ParseClusterSlots(const Reply& reply, const RedisAddress& asked) {
  if (reply.is_error()) return Malformed(reply.text);
  if (reply.type != Reply::Type::kArray) return Malformed("no list");
  ClusterMap map;
  map.owner.assign(kClusterSlots, ClusterMap::kNobody);
  for (const Reply& range : reply.elements) {
    if (range.elements.size() < 3) return Malformed("a range without a node");
    const int64_t first = range.elements[0].integer;
    const int64_t last = range.elements[1].integer;
    if (first < 0 || first > last || last >= static_cast<int64_t>(kClusterSlots)) {
      return Malformed("slots that there are not");
    }
    for (size_t i = 2; i < range.elements.size(); ++i) {
      std::optional<ClusterMap::Node> node = ParseNode(range.elements[i], asked);
      // Of one that is not known well enough to be spoken to: its slots wait until it is.
      if (!node.has_value()) continue;
      const std::optional<uint16_t> place = PlaceOf(*std::move(node), map);
      if (!place.has_value()) return Malformed("too many nodes");
      if (i > 2) continue;
      map.nodes[*place].primary = true;
      std::fill(map.owner.begin() + first, map.owner.begin() + last + 1, *place);
    }
  }
  return map;
}

bool ClusterIsInOrder(const Reply& info) {
  return info.text.find("cluster_state:ok") != std::string::npos;
}

std::optional<OwnSlots> ParseOwnSlots(std::string_view cluster_nodes) {
  while (!cluster_nodes.empty()) {
    const size_t end = std::min(cluster_nodes.find('\n'), cluster_nodes.size());
    std::string_view line = cluster_nodes.substr(0, end);
    cluster_nodes.remove_prefix(std::min(end + 1, cluster_nodes.size()));
    // id address flags primary ping pong epoch link slot...
    OwnSlots own{std::string(TakeWord(line)), false};
    TakeWord(line);
    if (TakeWord(line).find("myself") == std::string_view::npos) continue;
    for (int skip = 0; skip < 5; ++skip) TakeWord(line);
    own.moving = line.find('[') != std::string_view::npos;
    own.slots.append(" ").append(line);
    return own;
  }
  return std::nullopt;
}

std::optional<Redirect> ParseRedirect(std::string_view error) {
  const std::string_view kind = TakeWord(error);
  if (kind != "MOVED" && kind != "ASK") return std::nullopt;
  const auto slot = ParseNumber(TakeWord(error), 0, kClusterSlots - 1);
  const std::string_view address = TakeWord(error);
  const size_t colon = address.rfind(':');
  if (!slot.has_value() || colon == std::string_view::npos || !error.empty()) return std::nullopt;
  const std::string_view host = address.substr(0, colon);
  const auto port = ParseNumber(address.substr(colon + 1), 1, UINT16_MAX);
  if (!port.has_value() || (!host.empty() && !IsHost(host))) return std::nullopt;
  return Redirect{kind == "ASK", *slot, std::string(host), *port};
}

}  // namespace epigrid
