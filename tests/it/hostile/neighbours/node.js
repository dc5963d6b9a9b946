// Writes down each request that Node's parser hands over: method, target and body, a line of JSON each.
"use strict";
const fs = require("fs");
const http = require("http");

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const line = JSON.stringify([request.method, request.url, Buffer.concat(parts).toString("latin1")]);
    fs.appendFileSync(process.env.RECORD, line + "\n");
    response.writeHead(200, { "Content-Type": "text/plain", "X-Seen": "yes", "Content-Length": "4" });
    response.end("seen");
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1");
