#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/detect/addresses.h"

namespace capsem::detect {
namespace {

// Country codes and the generic domains that mail is met under. A name that is missing here costs
// half a point of score, not the finding.
constexpr std::string_view kTlds =
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs "
    "bt bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee "
    "eg er es et eu fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm "
    "hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb "
    "lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz "
    "na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs "
    "ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl "
    "tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw "
    "com org net edu gov mil int info biz name pro museum aero coop jobs mobi travel tel cat asia "
    "post xxx arpa app dev page web blog shop store online site website space tech cloud digital "
    "email mail live life world today news media network systems solutions services software "
    "agency company group team work works consulting design studio art photo photos video music "
    "film games game play fun club social community chat link click top xyz vip icu bid win men "
    "loan date review trade stream download science faith party racing cricket account accountant "
    "finance financial bank insurance money fund capital ventures credit cash tax legal law lawyer "
    "attorney health healthcare clinic dental doctor hospital care fit fitness yoga bio eco green "
    "energy solar school academy university college education training center institute foundation "
    "charity church bible house home homes land estate properties property rent apartments build "
    "construction contractors engineering equipment tools supply parts auto car cars bike taxi "
    "flights hotel restaurant cafe bar pub pizza coffee beer wine food kitchen recipes fashion "
    "clothing shoes jewelry beauty hair makeup baby kids family wedding love dating singles gay "
    "lgbt pet dog horse farm garden flowers city town london paris berlin tokyo nyc amsterdam "
    "moscow sydney melbourne vegas miami boston africa quebec scot wales cymru irish wiki guide "
    "help support expert guru how zone one plus cool best wtf lol ninja rocks buzz ink press "
    "report reviews blackfriday christmas gift gifts sale deals discount market marketing "
    "marketplace business enterprises holdings industries international limited inc llc ltd gmbh "
    "sarl srl partners associates management directory domains host hosting computer codes data "
    "security technology ai bot google apple amazon microsoft sony bmw audi";

class TldSet {
 public:
  TldSet() {
    std::size_t at = 0;
    while (at < kTlds.size()) {
      const auto end = std::min(kTlds.find(' ', at), kTlds.size());
      labels_.push_back(kTlds.substr(at, end - at));
      at = end + 1;
    }
    std::sort(labels_.begin(), labels_.end());
  }
  bool has(std::string_view label) const {
    return std::binary_search(labels_.begin(), labels_.end(), label);
  }

 private:
  std::vector<std::string_view> labels_;
};

bool local_byte(std::string_view s, std::size_t i) {
  return (class_at(s, i) & kLocal) != 0;
}

bool domain_byte(char c) {
  return (class_of(c) & kDomain) != 0 || c == '_' || is_continuation(c);
}

// Begin of the local part that ends before `at`, or `at`.
std::size_t local_begin(std::string_view s, std::size_t at) {
  const std::size_t floor = at > kEmailLocalMax ? at - kEmailLocalMax : 0;
  std::size_t p = at;
  while (p > floor && local_byte(s, p - 1)) --p;
  // A mailbox begins with a letter or a digit: what stands before is punctuation of the text.
  while (p < at && (class_of(s[p]) & kWord) == 0) ++p;
  return p;
}

bool tld_shape(std::string_view label) {
  if (label.size() < 2) return false;
  if (label.starts_with("xn--")) return true;
  return std::all_of(label.begin(), label.end(),
                     [](char c) { return is_alpha(c) || static_cast<unsigned char>(c) >= 0x80; });
}

}  // namespace

bool known_tld(std::string_view label) {
  static const TldSet tlds;
  std::array<char, 16> folded;
  if (label.size() < 2 || label.size() > folded.size()) return false;
  std::transform(label.begin(), label.end(), folded.begin(), fold);
  return tlds.has({folded.data(), label.size()});
}

AnchoredMatch match_email(std::string_view s, std::size_t at) {
  const std::size_t begin = local_begin(s, at);
  if (begin == at || s[at - 1] == '.') return {};
  const std::size_t limit = std::min(s.size(), at + 1 + kEmailDomainMax);
  // The longest run of labels whose last one can be, or better is, a top-level domain.
  AnchoredMatch best;
  unsigned labels = 0;
  for (std::size_t p = at + 1; p < limit;) {
    std::size_t end = p;
    while (end < limit && domain_byte(s[end])) ++end;
    std::size_t label_end = end;
    while (label_end > p && (s[label_end - 1] == '-' || s[label_end - 1] == '_')) --label_end;
    if (label_end == p || s[p] == '-') break;
    const std::string_view label = s.substr(p, label_end - p);
    ++labels;
    if (labels > 1 && tld_shape(label)) {
      const float score = known_tld(label) ? 1.0F : 0.5F;
      if (score >= best.score) best = {begin, label_end, score};
    }
    if (label_end != end || char_at(s, end) != '.') break;
    p = end + 1;
  }
  return best;
}

}  // namespace capsem::detect
