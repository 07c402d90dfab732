// Socket.IO as its documentation writes it: a middleware that checks the session, a room for each
// device, and messages that come through Redis.
const { createServer } = require("node:http");
const Redis = require("ioredis");
const { Server } = require("socket.io");

const [port, redisUrl, channel, prefix] = process.argv.slice(2);
const redis = new Redis(redisUrl);
const subscriber = new Redis(redisUrl);
const http = createServer();
const io = new Server(http, { serveClient: false, transports: ["websocket"] });

io.use(async (socket, next) => {
  const secret = /session=([^;]+)/.exec(socket.handshake.headers.cookie ?? "")?.[1] ?? "";
  const device = secret.split(".")[0];
  if (!secret || (await redis.get(`${prefix}:session:${device}`)) !== secret) {
    next(new Error("not logged in"));
    return;
  }
  socket.data.device = device;
  next();
});

io.on("connection", (socket) => socket.join(socket.data.device));

subscriber.subscribe(channel);
subscriber.on("message", (_, text) => {
  const message = JSON.parse(text);
  (message.device ? io.to(message.device) : io).emit("told", message.text);
});

http.listen(Number(port), "127.0.0.1", 4096);
process.on("SIGTERM", () => process.exit(0));
