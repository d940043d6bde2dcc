// memcached's text protocol as an application of the JVM speaks it with nothing but the JDK: blocking sockets
// with a time-out, or a non-blocking channel and a selector. Protocol of the pipe: README.md of this folder.
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.ArrayList;
import java.util.Map;
import java.util.Set;

public final class Sockets {
    private static final int TIMEOUT_MS = 3000;
    private static final Set<String> WITH_VALUE =
        Set.of("set", "add", "replace", "append", "prepend", "cas", "set_noreply");
    private static final Set<String> WITH_NUMBER = Set.of("gat", "touch", "incr", "decr");
    private static final String OPERATIONS = "get gets gat set add replace append prepend cas set_noreply "
        + "delete delete_noreply touch incr decr get_many set_many delete_many flush version stats extras";

    /** A connection to the server. */
    interface Wire {
        void send(byte[] data) throws IOException;
        /** At least one byte, or -1 at the end. */
        int receive(byte[] into, int offset, int size) throws IOException;
        void close() throws IOException;
    }

    static final class Blocking implements Wire {
        private final Socket socket = new Socket();
        Blocking(InetSocketAddress address) throws IOException {
            socket.connect(address, TIMEOUT_MS);
            socket.setSoTimeout(TIMEOUT_MS);
            socket.setTcpNoDelay(true);
        }
        public void send(byte[] data) throws IOException { socket.getOutputStream().write(data); }
        public int receive(byte[] into, int offset, int size) throws IOException {
            return socket.getInputStream().read(into, offset, size);
        }
        public void close() throws IOException { socket.close(); }
    }

    /** Reads while it writes, so that neither side waits for the other to read. */
    static final class NonBlocking implements Wire {
        private final Selector selector = Selector.open();
        private final SocketChannel channel;
        private final SelectionKey key;
        private final ByteBuffer chunk = ByteBuffer.allocateDirect(64 * 1024);
        private final ByteArrayOutputStream early = new ByteArrayOutputStream();
        private boolean isEnded;

        NonBlocking(InetSocketAddress address) throws IOException {
            channel = SocketChannel.open();
            channel.configureBlocking(false);
            key = channel.register(selector, SelectionKey.OP_CONNECT);
            if (!channel.connect(address)) {
                await(SelectionKey.OP_CONNECT);
                channel.finishConnect();
            }
        }
        private void await(int interest) throws IOException {
            key.interestOps(interest);
            if (selector.select(TIMEOUT_MS) == 0) {
                throw new SocketTimeoutException("nothing within " + TIMEOUT_MS + " ms");
            }
            selector.selectedKeys().clear();
        }
        private void drain() throws IOException {
            chunk.clear();
            int count = channel.read(chunk);
            isEnded |= count < 0;
            for (chunk.flip(); chunk.hasRemaining();) {
                byte[] data = new byte[chunk.remaining()];
                chunk.get(data);
                early.write(data);
            }
        }
        public void send(byte[] data) throws IOException {
            ByteBuffer rest = ByteBuffer.wrap(data);
            while (rest.hasRemaining()) {
                if (channel.write(rest) == 0) {
                    await(SelectionKey.OP_WRITE | SelectionKey.OP_READ);
                    drain();
                }
            }
        }
        public int receive(byte[] into, int offset, int size) throws IOException {
            while (early.size() == 0) {
                if (isEnded) return -1;
                await(SelectionKey.OP_READ);
                drain();
            }
            byte[] all = early.toByteArray();
            int count = Math.min(size, all.length);
            System.arraycopy(all, 0, into, offset, count);
            early.reset();
            early.write(all, count, all.length - count);
            return count;
        }
        public void close() throws IOException { channel.close(); selector.close(); }
    }

    /** Lines and blocks from a wire. */
    static final class Reader extends InputStream {
        private final Wire wire;
        Reader(Wire wire) { this.wire = wire; }
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }
        public int read(byte[] into, int offset, int size) throws IOException {
            return wire.receive(into, offset, size);
        }
    }

    record Entry(byte[] value, long cas) {}

    private final InetSocketAddress address;
    private final boolean isNonBlocking;
    private Wire wire;
    private InputStream replies;
    private long token;

    Sockets(String host, int port, String variant) throws IOException {
        address = new InetSocketAddress(InetAddress.getByName(host), port);
        isNonBlocking = variant.equals("nio");
    }

    private static byte[] bytes(String text) { return text.getBytes(StandardCharsets.ISO_8859_1); }

    private static String line(InputStream stream) throws IOException {
        StringBuilder text = new StringBuilder();
        for (int c = stream.read(); c != '\n'; c = stream.read()) {
            if (c < 0) throw new IOException("the connection ended");
            if (c != '\r') text.append((char) c);
        }
        return text.toString();
    }

    private static byte[] block(InputStream stream, int size) throws IOException {
        byte[] data = stream.readNBytes(size);
        if (data.length < size) throw new IOException("the connection ended");
        return data;
    }

    private void send(byte[] command) throws IOException {
        if (wire == null) {
            wire = isNonBlocking ? new NonBlocking(address) : new Blocking(address);
            replies = new BufferedInputStream(new Reader(wire), 1 << 16);
        }
        wire.send(command);
    }

    private String ask(String command) throws IOException {
        send(bytes(command + "\r\n"));
        return line(replies);
    }

    private static byte[] storage(String verb, String key, String expiry, byte[] value, String rest) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(bytes(verb + " " + key + " 0 " + expiry + " " + value.length + rest + "\r\n"));
        out.writeBytes(value);
        out.writeBytes(bytes("\r\n"));
        return out.toByteArray();
    }

    /** What stands before END; an error line throws. */
    private void readEntries(Map<String, Entry> found) throws IOException {
        for (String line = line(replies); !line.equals("END"); line = line(replies)) {
            String[] words = line.split(" ");
            if (!words[0].equals("VALUE")) throw new IllegalStateException(line);
            byte[] value = block(replies, Integer.parseInt(words[3]));
            block(replies, 2);
            found.put(words[1], new Entry(value, words.length > 4 ? Long.parseLong(words[4]) : 0));
        }
    }

    private Map<String, Entry> retrieve(String command) throws IOException {
        send(bytes(command + "\r\n"));
        Map<String, Entry> found = new LinkedHashMap<>();
        readEntries(found);
        return found;
    }

    private Object hit(String key, Map<String, Entry> found) {
        Entry entry = found.get(key);
        if (entry == null) return found.isEmpty() ? "miss" : "error another key";
        token = entry.cas();
        return entry.value();
    }

    private static String outcome(String line) {
        if (line.matches("[0-9]+ *")) return "number " + line.trim();
        return switch (line) {
            case "STORED", "NOT_STORED", "EXISTS", "NOT_FOUND", "DELETED", "TOUCHED" -> line.toLowerCase();
            default -> "error " + line;
        };
    }

    /** Each get a command of its own, all sent before the first answer is read. */
    private Map<String, Entry> getMany(List<String> keys) throws IOException {
        StringBuilder commands = new StringBuilder();
        for (String key : keys) commands.append("get ").append(key).append("\r\n");
        send(bytes(commands.toString()));
        Map<String, Entry> found = new LinkedHashMap<>();
        for (int i = 0; i < keys.size(); i++) readEntries(found);
        return found;
    }

    private String setMany(String expiry, Map<String, byte[]> pairs) throws IOException {
        ByteArrayOutputStream commands = new ByteArrayOutputStream();
        pairs.forEach((key, value) -> commands.writeBytes(storage("set", key, expiry, value, "")));
        send(commands.toByteArray());
        int failed = 0;
        for (int i = 0; i < pairs.size(); i++) failed += line(replies).equals("STORED") ? 0 : 1;
        return failed == 0 ? "stored" : "not_stored " + failed;
    }

    private String deleteMany(List<String> keys) throws IOException {
        StringBuilder commands = new StringBuilder();
        for (String key : keys) commands.append("delete ").append(key).append("\r\n");
        send(bytes(commands.toString()));
        for (int i = 0; i < keys.size(); i++) line(replies);
        return "deleted";
    }

    private String stats() throws IOException {
        send(bytes("stats\r\n"));
        boolean isComplete = false;
        for (String line = line(replies); !line.equals("END"); line = line(replies)) {
            isComplete |= line.startsWith("STAT curr_connections ");
        }
        return isComplete ? "stats" : "incomplete";
    }

    /** Commands of different kinds pipelined and cut in the middle; flags; verbosity. */
    private String extras(String key) throws IOException {
        byte[] commands = bytes("set " + key + " 4294967295 0 3\r\nabc\r\nget " + key + "\r\nappend " + key
            + " 0 0 1 noreply\r\nd\r\nget " + key + "\r\nverbosity 0\r\ndelete " + key + "\r\n");
        for (int i = 0; i < commands.length; i += 7) {
            byte[] piece = new byte[Math.min(7, commands.length - i)];
            System.arraycopy(commands, i, piece, 0, piece.length);
            send(piece);
        }
        String value = "VALUE " + key + " 4294967295 ";
        for (String expected : List.of("STORED", value + "3", "abc", "END", value + "4", "abcd", "END", "OK",
                "DELETED")) {
            String line = line(replies);
            if (!line.equals(expected)) return "failed '" + line + "' is not " + expected;
        }
        return "ok";
    }

    private Object storageOf(String verb, String key, String expiry, byte[] value) throws IOException {
        if (verb.equals("set_noreply")) {
            send(storage("set", key, expiry, value, " noreply"));
            return "sent";
        }
        send(storage(verb, key, expiry, value, verb.equals("cas") ? " " + token : ""));
        return outcome(line(replies));
    }

    private Object simple(String operation, String[] words) throws IOException {
        switch (operation) {
            case "get": case "gets": return hit(words[1], retrieve(operation + " " + words[1]));
            case "gat": return hit(words[1], retrieve("gat " + words[2] + " " + words[1]));
            case "delete_noreply":
                send(bytes("delete " + words[1] + " noreply\r\n"));
                return "sent";
            case "delete": return outcome(ask("delete " + words[1]));
            case "touch": case "incr": case "decr": return outcome(ask(String.join(" ", words)));
            case "flush": return ask("flush_all").equals("OK") ? "flushed" : "not_flushed";
            case "version": return ask("version").toLowerCase();
            case "stats": return stats();
            case "extras": return extras(words[1]);
            default: return "error no such operation";
        }
    }

    private void disconnect() {
        try {
            if (wire != null) wire.close();
        } catch (IOException ignored) {
            // It is given up anyway.
        }
        wire = null;
    }

    interface Operation { Object run() throws IOException; }

    private Object attempt(Operation operation) {
        try {
            return operation.run();
        } catch (IOException | RuntimeException error) {
            disconnect();
            return "error " + error.getMessage();
        }
    }

    private static byte[] payload(InputStream in, String size) throws IOException {
        byte[] value = block(in, Integer.parseInt(size));
        block(in, 1);
        return value;
    }

    /** Takes one operation's arguments from the pipe, whole, before it is tried. */
    private Object perform(InputStream in, String[] words) throws IOException {
        String operation = words[0];
        if (operation.equals("abilities")) return "abilities " + OPERATIONS;
        if (WITH_VALUE.contains(operation)) {
            byte[] value = payload(in, words[3]);
            return attempt(() -> storageOf(operation, words[1], words[2], value));
        }
        if (operation.equals("set_many")) {
            Map<String, byte[]> pairs = new LinkedHashMap<>();
            for (int i = 0; i < Integer.parseInt(words[2]); i++) {
                String[] pair = line(in).split(" ");
                pairs.put(pair[0], payload(in, pair[1]));
            }
            return attempt(() -> setMany(words[1], pairs));
        }
        if (!operation.endsWith("_many")) return attempt(() -> simple(operation, words));
        List<String> keys = new ArrayList<>();
        for (int i = 0; i < Integer.parseInt(words[1]); i++) keys.add(line(in));
        return attempt(() -> operation.equals("get_many") ? getMany(keys) : deleteMany(keys));
    }

    private static void reply(OutputStream out, Object result) throws IOException {
        if (result instanceof byte[] value) {
            out.write(bytes("hit " + value.length + "\n"));
            out.write(value);
            out.write('\n');
        } else if (result instanceof Map<?, ?> found) {
            out.write(bytes("many " + found.size() + "\n"));
            for (Map.Entry<?, ?> one : found.entrySet()) {
                byte[] value = ((Entry) one.getValue()).value();
                out.write(bytes(one.getKey() + " " + value.length + "\n"));
                out.write(value);
                out.write('\n');
            }
        } else {
            out.write(bytes(result + "\n"));
        }
        out.flush();
    }

    public static void main(String[] arguments) throws IOException {
        Sockets client = new Sockets(arguments[0], Integer.parseInt(arguments[1]), arguments[2]);
        InputStream in = new BufferedInputStream(System.in, 1 << 16);
        OutputStream out = new BufferedOutputStream(System.out, 1 << 16);
        while (true) {
            String text;
            try {
                text = line(in);
            } catch (IOException end) {
                return;
            }
            reply(out, client.perform(in, text.split(" ")));
        }
    }
}
