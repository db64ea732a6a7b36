"""A stand-in for W&B's server on this machine: the endpoints that `wandb sync` calls, and all that it sends to them."""

import gzip
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """Use as a context manager; `url` is where it listens. `runs` holds by id what was sent of a run."""

    def __enter__(self):
        server = self
        self.runs, self.unknown = {}, []
        self._lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, content):
                body = json.dumps(content).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def body(self):
                if self.headers.get("Transfer-Encoding") == "chunked":
                    parts = []
                    while size := int(self.rfile.readline(), 16):
                        parts.append(self.rfile.read(size))
                        self.rfile.readline()
                    self.rfile.readline()
                    raw = b"".join(parts)
                else:
                    raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("Content-Encoding") == "gzip":
                    raw = gzip.decompress(raw)
                return raw

            def do_GET(self):
                self.answer({})

            def do_PUT(self):
                body = self.body()
                _, _, run, path = self.path.split("/", 3)
                with server._lock:
                    server.run(run)["files"][path] = body
                self.answer({})

            def do_POST(self):
                body = json.loads(self.body() or b"{}")
                with server._lock:
                    if self.path == "/graphql":
                        content = server.graphql(body)
                    elif found := re.fullmatch(r"/files/[^/]*/[^/]*/([^/]*)/file_stream", self.path):
                        content = server.file_stream(found[1], body)
                    else:
                        server.unknown.append(self.path)
                        content = {}
                self.answer(content)

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_):
                """A client that has all it wants closes its connection."""

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()

    def run(self, run):
        new = {"upserts": [], "streams": {}, "files": {}, "offsets": [], "complete": None, "exit_code": None}
        return self.runs.setdefault(run, new)

    def graphql(self, body):
        query, variables = body.get("query", ""), body.get("variables") or {}
        name = body.get("operationName") or re.search(r"(?:query|mutation)\s+(\w+)", query)[1]
        if name == "UpsertBucket":
            run = variables.get("name")
            self.run(run)["upserts"].append(variables)
            project = variables.get("project") or "uncategorized"
            entity = {"name": variables.get("entity") or "someone"}
            bucket = {
                "id": "cnVu", "name": run, "displayName": variables.get("displayName") or run, "description": None,
                "config": variables.get("config"), "sweepName": None, "historyLineCount": 0,
                "project": {"id": "cHJv", "name": project, "entity": {"id": "ZW50", **entity}},
            }
            return {"data": {"upsertBucket": {"bucket": bucket, "inserted": len(self.run(run)["upserts"]) == 1}}}
        if name == "CreateRunFiles":
            run = variables.get("run")
            files = [
                {"name": file, "uploadUrl": f"{self.url}/put/{run}/{file}"} for file in variables.get("files", [])
            ]
            return {"data": {"createRunFiles": {"runID": "cnVu", "uploadHeaders": [], "files": files}}}
        if name == "Viewer":
            viewer = {"id": "dXNl", "entity": "someone", "username": "someone", "flags": "{}", "email": "a@b.c"}
            return {"data": {"viewer": {**viewer, "teams": {"edges": []}}}}
        if name in ("RunResumeStatus", "RunStoppedStatus", "RunStatus"):
            return {"data": {"model": None, "project": None}}
        if name in ("ServerFeaturesQuery", "ServerFeatures"):
            return {"data": {"serverInfo": {"features": []}}}
        self.unknown.append(name)
        return {"data": {}}

    def file_stream(self, run, body):
        run = self.run(run)
        for name, stream in (body.get("files") or {}).items():
            lines = run["streams"].setdefault(name, {})
            run["offsets"].append((name, stream["offset"], len(stream["content"])))
            for at, line in enumerate(stream["content"], stream["offset"]):
                lines[at] = line
        for file in body.get("uploaded") or []:
            run.setdefault("uploaded", []).append(file)
        if "complete" in body:
            run["complete"], run["exit_code"] = body["complete"], body.get("exitcode")
        return {"limits": {}}
