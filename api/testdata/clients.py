"""Calls a riffle server with the client programs that people use.

    python clients.py http://127.0.0.1:8080 photo.jpg [expected.json]

Every client that is installed is run, every other one is skipped. With an
expected.json, {"width", "height", "detections"} as /detect answers them, each
client's view of the answer is held against it; without one, against the
server's own /detect. The last line counts passed, failed and skipped clients;
the exit code is 1 if one failed. TestRealClients runs this against a server
whose answers are known.
"""

import io
import json
import sys
import traceback
from urllib.parse import urlsplit

BASE, PHOTO = sys.argv[1].rstrip("/"), sys.argv[2]
HOST, PORT = urlsplit(BASE).hostname, urlsplit(BASE).port
with open(PHOTO, "rb") as f:
    IMAGE = f.read()


def expected():
    if len(sys.argv) > 3:
        with open(sys.argv[3], encoding="utf-8") as f:
            return json.load(f)
    import requests

    return requests.post(BASE + "/detect", params={"threshold": 0}, data=IMAGE, timeout=30).json()


WANT = expected()


def above(threshold):
    return [d for d in WANT["detections"] if d["score"] >= threshold]


def close(got, want, tolerance, what):
    assert abs(got - want) <= tolerance, f"{what}: got {got}, want {want}"


def same_predictions(predictions, want):
    """Predictions of DeepStack against detections, in their order."""
    want = want[:20]
    assert [p["label"] for p in predictions] == [d["label"] for d in want], predictions
    for p, d in zip(predictions, want):
        close(p["confidence"], d["score"], 1e-4, "confidence")
        for key, v in zip(("x_min", "y_min", "x_max", "y_max"), d["box"]):
            close(p[key], v, 0.51, key)


def deepstack_python():
    from deepstack.core import DeepstackObject

    client = DeepstackObject(ip=HOST, port=PORT)
    same_predictions(client.detect(IMAGE), above(0.45))  # it asks for its own default


def deepstack_sdk():
    from deepstack_sdk import Detection, ServerConfig

    response = Detection(ServerConfig(BASE)).detectObject(image=IMAGE, min_confidence=0.5)
    got = [
        {"label": o.label, "confidence": o.confidence, "x_min": o.x_min, "y_min": o.y_min, "x_max": o.x_max, "y_max": o.y_max}
        for o in response.detections
    ]
    same_predictions(got, above(0.5))
    try:
        Detection(ServerConfig(BASE)).detectObject(image=b"not a picture")
    except Exception as error:
        assert str(error) == "Invalid image", error
    else:
        raise AssertionError("a text passed for a picture")


def pydoods():
    from pydoods import PyDOODS

    client = PyDOODS(BASE + "/doods", "")
    detector = client.get_detectors()["detectors"][0]
    assert detector["name"] == "default" and detector["width"] and detector["height"], detector
    loose = client.detect(IMAGE, dconfig={"*": "50"}, detector_name="default")
    assert len(loose["detections"]) == len(above(0.5)), loose
    answer = client.detect(IMAGE, dconfig={"*": 50}, detector_name="default")
    assert "error" not in answer, answer
    want = above(0.5)
    assert [d["label"] for d in answer["detections"]] == [d["label"] for d in want], answer
    for got, d in zip(answer["detections"], want):
        assert got["label"] in detector["labels"]
        close(got["confidence"], 100 * d["score"], 1e-2, "confidence")
        sizes = (WANT["width"], WANT["height"]) * 2
        for key, v, size in zip(("left", "top", "right", "bottom"), d["box"], sizes):
            close(got[key], v / size, 1e-4, key)


def tritonclient():
    import numpy as np
    from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

    client = InferenceServerClient(f"{HOST}:{PORT}")
    assert client.is_server_live() and client.is_server_ready()
    model = WANT.get("model", "fake")
    assert client.is_model_ready(model)
    assert client.get_model_metadata(model)["inputs"][0]["name"] == "image"
    picture = InferInput("image", [2], "BYTES")
    picture.set_data_from_numpy(np.array([IMAGE, IMAGE], dtype=np.object_))
    config = client.get_model_config(model)
    assert config["input"][0]["data_type"] == "TYPE_STRING" and len(config["output"]) == 6, config
    assert [m["name"] for m in client.get_model_repository_index()] == [model]
    client.load_model(model)
    packed = client.infer(model, [picture], parameters={"threshold": 0.5}, request_compression_algorithm="gzip", response_compression_algorithm="gzip")
    packed = client.infer(model, [picture], parameters={"threshold": 0.5}, request_compression_algorithm="deflate")
    assert packed.as_numpy("counts").tolist() == [len(above(0.5))] * 2
    statistics = client.get_inference_statistics(model)["model_stats"][0]
    assert statistics["inference_count"] >= 4 and statistics["inference_stats"]["success"]["ns"] > 0, statistics
    wanted = above(0.5)
    for outputs in (None, [InferRequestedOutput(n, binary_data=b) for n, b in (("boxes", True), ("labels", False), ("counts", True), ("scores", True))]):
        got = client.infer(model, [picture], outputs=outputs, parameters={"threshold": 0.5})
        assert got.as_numpy("counts").tolist() == [len(wanted)] * 2, got.get_response()
        labels = [v.decode() if isinstance(v, bytes) else v for v in got.as_numpy("labels").tolist()]
        assert labels == [d["label"] for d in wanted] * 2, labels
        np.testing.assert_allclose(got.as_numpy("boxes"), np.array([d["box"] for d in wanted] * 2).reshape(-1, 4), atol=1e-2)
        np.testing.assert_allclose(got.as_numpy("scores"), [d["score"] for d in wanted] * 2, atol=1e-4)


def frigate():
    """The request of Frigate's deepstack detector, with the library it uses."""
    import requests
    from PIL import Image

    image = Image.open(io.BytesIO(IMAGE)).convert("RGB")
    small = io.BytesIO()
    image.resize((320, 320)).save(small, format="JPEG")
    answer = requests.post(
        BASE + "/v1/vision/detection", data={"api_key": ""}, files={"image": small.getvalue()}, timeout=5
    ).json()
    scores = [p["confidence"] for p in answer["predictions"]]
    assert len(scores) <= 20 and all(s >= 0.4 for s in scores) and scores == sorted(scores, reverse=True), answer


def websockets():
    import base64

    from websockets.sync.client import connect

    with connect(BASE.replace("http", "ws", 1) + "/doods/stream", max_size=None) as socket:
        socket.send(json.dumps({"id": "1", "data": base64.b64encode(IMAGE).decode(), "detect": {"*": 50}}))
        first = json.loads(socket.recv(timeout=30))
        socket.send(IMAGE)
        second = json.loads(socket.recv(timeout=30))
    for answer in (first, second):
        assert [d["label"] for d in answer["detections"]] == [d["label"] for d in above(0.5)], answer


def main():
    passed = failed = skipped = 0
    for client in (deepstack_python, deepstack_sdk, pydoods, tritonclient, frigate, websockets):
        try:
            client()
        except ModuleNotFoundError as error:
            skipped += 1
            print(f"skip {client.__name__}: {error}")
        except Exception:
            failed += 1
            print(f"FAIL {client.__name__}")
            traceback.print_exc(file=sys.stdout)
        else:
            passed += 1
            print(f"ok   {client.__name__}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
