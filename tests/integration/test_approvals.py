"""R43, R45, R49-R51, R53, X3, X7, T12, T20, T21: held, decided, retried once, told of."""

import concurrent.futures
import re
import time

import httpx
import openai
import pytest

from approvals import Admin, Caller, House, Receiver
from harness import KEY, wait_until

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
HELD = "Summarize our Q4 earnings report"


@pytest.fixture(scope="module")
def house(mock, tmp_path_factory):
    receiver = Receiver()
    house = House(mock.url, tmp_path_factory.mktemp("house"), receiver=receiver)
    yield house
    house.close()
    receiver.close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def make_house(mock, tmp_path_factory):
    made = []

    def make(**options):
        made.append(House(mock.url, tmp_path_factory.mktemp("house"), **options))
        return made[-1]

    yield make
    for house in made:
        house.close()


def test_r43_r49_r50_held_polled_approved_and_passed_once(house, mock):
    model = mock.says("fine")
    answer = house.caller.chat(HELD, model)
    assert answer.status_code == 403
    error = answer.json()["error"]
    review = error["review_request_id"]
    assert re.fullmatch(UUID, review) and re.fullmatch(UUID, error["run_id"])
    assert answer.json() == {"error": {
        "message": "Request held for review. 1 violation(s) detected.", "type": "policy_violation",
        "code": "approval_required", "run_id": error["run_id"], "review_request_id": review,
        "poll_url": f"/v1/reviews/{review}"}}
    assert not [h for h in answer.headers if h.startswith("access-control")]

    polled = house.caller.poll(review)
    assert set(polled) == {"id", "status", "created_at", "expires_at", "run_id", "violations"}
    assert (polled["id"], polled["status"], polled["run_id"]) == (review, "PENDING", error["run_id"])
    (violation,) = polled["violations"]
    assert (violation["policy"], violation["rule"], violation["enforcement"], violation["phase"]) == (
        "earnings", "q4", "APPROVAL_REQUIRED", "input")
    assert mock.seen_for(model) == []

    decided = house.admin.post(f"/v1/reviews/{review}/approve", {"note": "fine\nby me"})
    assert (decided["status"], decided["decided_by"], decided["note"]) == (
        "APPROVED", "bootstrap", "fine\nby me")
    assert house.caller.status(review) == "APPROVED"
    passed = house.caller.chat(HELD, model)
    assert passed.status_code == 200
    assert passed.json()["choices"][0]["message"]["content"] == "fine"
    assert house.caller.status(review) == "CONSUMED"
    assert len(mock.seen_for(model)) == 1

    assert house.caller.held(HELD, model) != review
    assert len(mock.seen_for(model)) == 1


def test_r43_the_official_sdk_raises_what_it_can_poll(house, mock):
    client = openai.OpenAI(api_key=house.key, max_retries=0,
                           base_url=f"{house.gateway.url}{house.caller.prefix}")
    model = mock.says("fine")
    ask = {"model": model, "messages": [{"role": "user", "content": HELD}]}
    with pytest.raises(openai.PermissionDeniedError) as raised:
        client.chat.completions.create(**ask)
    review = raised.value.body["review_request_id"]
    house.admin.post(f"/v1/reviews/{review}/approve")
    assert client.chat.completions.create(**ask).choices[0].message.content == "fine"


def test_r50_repeats_attach_and_what_streams_is_the_same_request(house, mock):
    model = mock.says("fine")
    review = house.caller.held(HELD, model)
    assert house.caller.held(HELD, model) == review
    assert house.caller.held(HELD, model, stream=True) == review
    assert house.caller.held(HELD, model, stream=True, stream_options={"include_usage": True}) == review
    assert house.admin.get(f"/v1/reviews/{review}")["attached"] == 3
    house.admin.post(f"/v1/reviews/{review}/approve")
    passed = house.caller.chat(HELD, model, stream=True)
    assert passed.status_code == 200 and "data: [DONE]" in passed.text


@pytest.mark.parametrize("change", [{"temperature": 0.1}, {"model": "gpt-4o-2"}, {"user": "x"}, {"n": 1},
                                    {"prompt": HELD + "."}])
def test_t20_an_edited_request_is_another_one(house, mock, change):
    model = mock.says("fine")
    review = house.caller.held(HELD, model)
    house.admin.post(f"/v1/reviews/{review}/approve")
    edited = {"prompt": HELD, "model": model, **change}
    assert house.caller.held(**edited) != review
    assert house.caller.status(review) == "APPROVED"
    assert mock.seen_for(model) == []
    assert house.caller.chat(HELD, model).status_code == 200


def test_t20_another_key_cannot_use_an_approval(house, mock):
    other = house.new_caller(house.admin.post(f"/v1/integrations/{house.id}/keys", {"name": "second"}, 201)
                             | {"id": house.id})
    review = house.caller.held(HELD + " for keys")
    house.admin.post(f"/v1/reviews/{review}/approve")
    assert other.held(HELD + " for keys") != review
    assert house.caller.status(review) == "APPROVED"


def test_t20_one_approval_among_many_retries(house, mock):
    model = mock.says("fine")
    review = house.caller.held(HELD, model)
    house.admin.post(f"/v1/reviews/{review}/approve")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: house.caller.chat(HELD, model).status_code, range(32)))
    assert sorted(statuses) == [200] + [403] * 31
    assert len(mock.seen_for(model)) == 1


def test_r50_a_rejected_request_stays_rejected(house, mock):
    model = mock.says("fine")
    review = house.caller.held(HELD, model)
    house.admin.post(f"/v1/reviews/{review}/reject", {"note": "no"})
    answer = house.caller.chat(HELD, model)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "approval_rejected"
    assert house.caller.status(review) == "REJECTED"
    assert mock.seen_for(model) == []


def test_r45_a_block_opens_no_review(house, mock):
    model = mock.says("fine")
    before = len(house.admin.get("/v1/reviews", limit=200))
    answer = house.caller.chat(HELD + " and the merger", model)
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["code"] == "request_blocked" and error["review_request_id"] is None
    assert error["message"] == "Request blocked by policy. 2 violation(s) detected."
    assert len(house.admin.get("/v1/reviews", limit=200)) == before


def test_x3_an_approved_answer_is_given_without_a_second_call(house, mock):
    text = "Call me at +1 415 555 2671 tomorrow"
    model = mock.says(text)
    review = house.caller.held("your number?", model)
    polled = house.caller.poll(review)
    assert polled["violations"][0]["phase"] == "output"
    assert len(mock.seen_for(model)) == 1
    again = house.caller.chat("your number?", model)
    assert again.status_code == 403
    assert again.json()["error"]["message"] == "Request held for review. 1 violation(s) detected."
    assert again.json()["error"]["review_request_id"] == review
    assert len(mock.seen_for(model)) == 1
    assert house.admin.get(f"/v1/reviews/{review}")["has_answer"] is True
    house.admin.post(f"/v1/reviews/{review}/approve")
    passed = house.caller.chat("your number?", model)
    assert passed.status_code == 200
    assert passed.headers["content-type"].startswith("application/json")
    assert passed.json()["choices"][0]["message"]["content"] == text
    assert len(mock.seen_for(model)) == 1
    assert house.caller.status(review) == "CONSUMED"
    # Not again: the provider is asked anew, and its answer is held anew.
    assert house.caller.held("your number?", model) != review
    assert len(mock.seen_for(model)) == 2


def test_x3_a_rejected_answer_is_not_made_again(house, mock):
    model = mock.says("Call me at +1 415 555 2671 tomorrow")
    review = house.caller.held("your number?", model)
    house.admin.post(f"/v1/reviews/{review}/reject")
    answer = house.caller.chat("your number?", model)
    assert answer.status_code == 403 and answer.json()["error"]["code"] == "approval_rejected"
    assert len(mock.seen_for(model)) == 1


def test_x3_request_and_answer_are_approved_one_after_the_other(house, mock):
    text = "Call me at +1 415 555 2671 tomorrow"
    model = mock.says(text)
    request = house.caller.held(HELD, model)
    house.admin.post(f"/v1/reviews/{request}/approve")
    answer = house.caller.held(HELD, model)
    assert answer != request and house.caller.status(request) == "CONSUMED"
    house.admin.post(f"/v1/reviews/{answer}/approve")
    passed = house.caller.chat(HELD, model)
    assert passed.status_code == 200
    assert passed.json()["choices"][0]["message"]["content"] == text
    assert len(mock.seen_for(model)) == 1


def test_x7_root_routes_say_it_in_their_own_words(house, mock):
    model = mock.says("fine")
    root = Caller(house.gateway.url, "", KEY)
    answer = root.chat(HELD, model)
    assert answer.status_code == 403
    review = answer.headers["x-capsem-review"]
    assert re.fullmatch(UUID, review)
    assert answer.json()["detail"].startswith("Request held for review: ")
    assert root.status(review) == "PENDING"
    assert Caller(house.gateway.url, "", KEY + "2").poll(review, 404)
    house.admin.post(f"/v1/reviews/{review}/approve")
    assert root.chat(HELD, model).status_code == 200
    assert root.status(review) == "CONSUMED"


def test_r49_t21_reviews_belong_to_their_integration_and_their_tenant(house, mock):
    review = house.caller.held(HELD + " for tenants")
    other = house.new_integration("other-openai")
    assert house.new_caller(other).poll(review, 404)["code"] == "unknown_review"
    unknown, foreign = house.caller.poll("0" * 8, 404), house.new_caller(other).poll(review, 404)
    assert {**unknown, "request_id": ""} == {**foreign, "request_id": ""}
    assert house.caller.http.get(f"/v1/reviews/{review}", headers={
        "authorization": "Bearer ag_live_unknown"}).status_code == 401

    house.admin.post("/v1/tenants", {"id": "other", "name": "Other"}, 201)
    stranger = house.admin.token("reviewer", "other")
    for reply in (stranger.get(f"/v1/reviews/{review}", 404),
                  stranger.post(f"/v1/reviews/{review}/approve", status=404)):
        assert reply["errors"][0]["code"] == "not_found"
    assert review not in [r["id"] for r in stranger.get("/v1/reviews")]
    assert house.caller.status(review) == "PENDING"


def test_decisions_are_for_reviewers_and_made_once(house):
    review = house.caller.held(HELD + " for roles")
    for role in ("auditor", "read-only"):
        token = house.admin.token(role)
        assert token.get(f"/v1/reviews/{review}")["status"] == "PENDING"
        token.post(f"/v1/reviews/{review}/approve", status=403)
    reviewer = house.admin.token("reviewer")
    reviewer.post(f"/v1/reviews/{review}/approve", {"note": "x" * 1001}, 400)
    reviewer.post(f"/v1/reviews/{review}/approve", {"no": "x"}, 400)
    reviewer.post(f"/v1/reviews/{review}/approve", {"note": "x" * 1000})
    for word in ("approve", "reject"):
        again = reviewer.post(f"/v1/reviews/{review}/{word}", status=409)
        assert "APPROVED" in again["errors"][0]["message"]
    assert house.admin.get("/v1/reviews", run_id="none") == []
    reviewer.get("/v1/reviews", 400, status="odd")


def test_r50_reviews_expire(make_house, mock):
    house = make_house(settings="[approvals]\nttl_ms = 1500\n")
    model = mock.says("fine")
    pending = house.caller.held(HELD, model)
    approved = house.caller.held(HELD + "!", model)
    house.admin.post(f"/v1/reviews/{approved}/approve")
    house.caller.until(pending, "EXPIRED")
    house.caller.until(approved, "EXPIRED")
    house.admin.post(f"/v1/reviews/{pending}/approve", status=409)
    assert house.caller.held(HELD, model) not in (pending, approved)
    assert house.caller.held(HELD + "!", model) not in (pending, approved)
    assert mock.seen_for(model) == []


def test_approvals_survive_kill_9(make_house, mock):
    house = make_house()
    model, number = mock.says("fine"), mock.says("Call me at +1 415 555 2671 tomorrow")
    approved = house.caller.held(HELD, model)
    house.admin.post(f"/v1/reviews/{approved}/approve")
    pending = house.caller.held(HELD + "!", model)
    answer = house.caller.held("your number?", number)
    house.admin.post(f"/v1/reviews/{answer}/approve")
    house.kill_and_restart()
    assert [house.caller.status(r) for r in (approved, pending, answer)] == [
        "APPROVED", "PENDING", "APPROVED"]
    assert house.caller.chat(HELD, model).status_code == 200
    assert house.caller.status(approved) == "CONSUMED"
    assert house.caller.held(HELD + "!", model) == pending
    assert house.caller.chat("your number?", number).status_code == 200
    assert len(mock.seen_for(number)) == 1


def test_two_gateways_share_reviews(make_house, mock, postgres, receiver):
    house = make_house(args=["--database-url", postgres.new_database()], receiver=receiver)
    second = house.join()
    try:
        other = house.new_caller(house.integration, second)
        other_admin = Admin(second.admin_url, house.token)
        model, number = mock.says("fine"), mock.says("Call me at +1 415 555 2671 tomorrow")
        review = house.caller.held(HELD, model)
        assert other.held(HELD, model) == review
        other_admin.post(f"/v1/reviews/{review}/approve")
        callers = [house.caller, other] * 8
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(lambda c: c.chat(HELD, model).status_code, callers))
        assert sorted(statuses) == [200] + [403] * 15
        assert len(mock.seen_for(model)) == 1

        answer = house.caller.held("your number?", number)
        house.admin.post(f"/v1/reviews/{answer}/approve")
        time.sleep(1)  # what the other one sees of it, it sees within store.poll_ms
        assert other.chat("your number?", number).status_code == 200
        assert len(mock.seen_for(number)) == 1

        wait_until(lambda: [e for e in receiver.events() if e["data"]["id"] == review
                            and e["event"] == "review.decided"])
        time.sleep(1)  # both have looked several times
        ids = [d["headers"]["x-capsem-delivery"] for d in receiver.deliveries]
        assert len(ids) == len(set(ids))
    finally:
        second.close()


def test_reviews_without_their_database_are_503(make_house, mock, postgres):
    house = make_house(args=["--database-url", postgres.new_database()])
    review = house.caller.held(HELD)
    postgres.pause()
    try:
        held = house.caller.chat(HELD)
        assert held.status_code == 503, held.text
        # Where nothing can be recorded nothing is asked either.
        assert house.caller.poll(review, 503)["code"] in ("approvals_unavailable", "audit_unavailable")
    finally:
        postgres.resume()
    wait_until(lambda: house.caller.chat(HELD).status_code == 403)
    assert house.caller.held(HELD) == review


def test_r53_a_caller_of_the_check_api_is_called_back(make_house, receiver):
    house = make_house(receiver=receiver)
    root = httpx.Client(base_url=house.gateway.url, headers={"authorization": f"Bearer {KEY}"}, timeout=20)

    def evaluate(url, prompt=HELD):
        return root.post("/v1/evaluate", json={"input": prompt, "targetKey": "t", "callbackUrl": url})
    path = "/called-back"
    for refused in ("https://elsewhere.example/", receiver.url.replace("127.0.0.1", "localhost") + path,
                    "http://169.254.169.254/", receiver.url.replace("http:", "https:")):
        assert evaluate(refused).status_code == 400, refused
    answer = evaluate(receiver.url + path)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert (data["outcome"], data["enforcementAction"]) == ("BLOCK", "APPROVAL_REQUIRED")
    review = data["reviewRequestId"]
    assert data["pollUrl"] == f"/v1/reviews/{review}"
    assert receiver.events(path) == []
    house.admin.post(f"/v1/reviews/{review}/reject")
    (told,) = wait_until(lambda: receiver.events(path))
    assert (told["event"], told["data"]["id"], told["data"]["status"]) == (
        "review.decided", review, "REJECTED")


def test_a_full_queue_is_503(make_house, mock):
    house = make_house(settings="[approvals]\npending_max = 2\n")
    for i in range(2):
        house.caller.held(f"{HELD} {i}")
    full = house.caller.chat(f"{HELD} 3")
    assert full.status_code == 503
    assert house.caller.held(f"{HELD} 1")


def test_webhooks_tell_of_reviews_and_violations_but_never_of_monitored_ones(house, mock):  # R44
    receiver = house.receiver
    model = mock.says("fine")
    review = house.caller.held(HELD + " for webhooks", model)
    house.admin.post(f"/v1/reviews/{review}/approve", {"note": "a note for us"})

    def told(event):
        return [e for e in receiver.events() if e["event"] == event and e["data"]["id"] == review]
    (created,) = wait_until(lambda: told("review.created"))
    (decided,) = wait_until(lambda: told("review.decided"))
    assert (created["data"]["status"], decided["data"]["status"]) == ("PENDING", "APPROVED")
    assert created["data"]["rules"] == [{"policy": "earnings", "rule": "q4"}]

    assert house.caller.chat("our budget and my holiday", model).status_code == 200
    run = wait_until(lambda: [e for e in receiver.events() if e["event"] == "violation.created"
                              and e["data"]["policy"] == "warned"])[0]["data"]["run_id"]
    assert {v["policy"] for v in house.admin.get("/v1/violations", run_id=run)} == {"warned", "monitored"}
    assert not [e for e in receiver.events() if e["data"].get("policy") == "monitored"]
    everything = b"".join(d["body"] for d in receiver.deliveries)
    assert b"earnings report" not in everything and b"a note for us" not in everything


def test_webhooks_are_tried_again(make_house, receiver):
    receiver.statuses[:] = [500, 302]
    house = make_house(receiver=receiver)
    review = house.caller.held(HELD)

    def attempts():
        return [d for d in receiver.deliveries if review.encode() in d["body"]
                and d["headers"]["x-capsem-event"] == "review.created"]
    wait_until(lambda: len(attempts()) >= 2, 15)
    assert len({d["headers"]["x-capsem-delivery"] for d in attempts()}) == 1


def test_r51_violations_go_through_their_life(house, mock):
    model = mock.says("fine")
    assert house.caller.chat("a budget for lives", model).status_code == 200
    one = wait_until(lambda: house.admin.get("/v1/violations", policy="warned", status="NEW"))[0]
    assert (one["severity"], one["enforcement"], one["phase"]) == ("LOW", "WARN", "input")
    path = f"/v1/violations/{one['id']}"
    house.admin.post(f"{path}/resolve", {"type": "fixed"}, 409)
    assert house.admin.post(f"{path}/acknowledge")["status"] == "ACKNOWLEDGED"
    house.admin.post(f"{path}/acknowledge", status=409)
    house.admin.post(f"{path}/resolve", {}, 400)
    done = house.admin.post(f"{path}/resolve", {"type": "fixed", "note": "told them"})
    assert (done["status"], done["resolution"], done["note"]) == ("RESOLVED", "fixed", "told them")
    house.admin.post(f"{path}/dismiss", {"reason": "late"}, 409)
    assert house.admin.get(path)["status"] == "RESOLVED"
    house.admin.token("read-only").post(f"{path}/acknowledge", status=403)


def test_decisions_are_in_the_audit(house):
    review = house.caller.held(HELD + " for the audit")
    house.admin.post(f"/v1/reviews/{review}/reject", {"note": "no"})
    wait_until(lambda: [r for r in house.gateway.records()
                        if r["event"] == "admin" and review in r["path"]])
