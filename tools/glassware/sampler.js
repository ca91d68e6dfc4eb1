// Put into a page before its own scripts. Watches two of its videos, its connections and one figure.
// OPTIONS is {local, remote, said: selectors, cells}. Times are performance.now(), in ms.
(() => {
  const { local, remote, said, cells } = OPTIONS;
  let samples = fresh();

  function fresh() {
    return { local: [], remote: [], stats: [], said: [] };
  }

  // what came since it was asked last: a long measurement must not grow in the browser
  window.takeSamples = () => {
    const taken = samples;
    samples = fresh();
    return taken;
  };

  function watch(video, name) {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = cells;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const look = (_, seen) => {
      video.requestVideoFrameCallback(look);
      let skew = null;
      try { // what is drawn may be newer than what is told about it: such rows are left out
        const frame = new VideoFrame(video);
        context.drawImage(frame, 0, 0, cells, cells);
        skew = frame.timestamp / 1e6 - seen.mediaTime;
        frame.close();
      } catch { return; }
      const rgba = context.getImageData(0, 0, cells, cells).data;
      let luma = '';
      for (let i = 0; i < rgba.length; i += 4)
        luma += String.fromCharCode((rgba[i] * 77 + rgba[i + 1] * 150 + rgba[i + 2] * 29) >> 8);
      samples[name].push([seen.presentationTime, seen.presentedFrames, skew, btoa(luma), seen.width]);
    };
    video.requestVideoFrameCallback(look);
  }

  const waiting = new Map([[local, 'local'], [remote, 'remote']]);
  const finding = setInterval(() => {
    for (const [selector, name] of waiting) {
      const video = document.querySelector(selector);
      if (!video) continue;
      waiting.delete(selector);
      watch(video, name);
    }
    if (!waiting.size) clearInterval(finding);
  }, 20);

  const connections = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...given) {
      super(...given);
      connections.push(this);
    }
  };

  async function ask(connection) {
    const now = { at: performance.now() };
    const report = await connection.getStats();
    report.forEach((s) => {
      if (s.kind === 'audio') return;
      if (s.type === 'inbound-rtp') Object.assign(now, { decoded: s.framesDecoded, keys: s.keyFramesDecoded,
        lost: s.packetsLost, bytesIn: s.bytesReceived, codec: report.get(s.codecId)?.mimeType });
      if (s.type === 'outbound-rtp') Object.assign(now, { bytesOut: s.bytesSent, sentWidth: s.frameWidth, sentFps: s.framesPerSecond });
    });
    return now;
  }

  setInterval(async () => {
    const connection = connections.at(-1);
    if (!connection) return;
    samples.stats.push(await ask(connection).catch(() => ({ at: performance.now() })));
    const text = said && document.querySelector(said)?.textContent;
    if (text && Number.isFinite(Number(text))) samples.said.push([performance.now(), Number(text)]);
  }, 1000);
})();
