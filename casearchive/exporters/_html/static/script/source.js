/* Where the frames of a clip come from. Both kinds show a frame when asked (`show`) and call `shown(number)` once it is
   on the screen. Pictures are exact and quick; a film is for what would be too many pictures, and for what sounds. */

class Pictures {
  constructor(data, still, shown) {
    Object.assign(this, { data, still, shown });
    this.images = new Map([[data.key, still]]);
    this.wanted = data.key;
    this.element = make("canvas", { role: "img", hidden: "" });
    this.element.width = Number(still.getAttribute("width"));
    this.element.height = Number(still.getAttribute("height"));
    this.pen = this.element.getContext("2d");
    still.addEventListener("load", () => this.wanted === data.key && this.drawnOnce && this.draw(data.key));
  }

  /* Of a very long clip without a film only every so many frames are here. */
  snap(number) {
    const { every, key } = this.data;
    return number === key ? key : number - ((number - 1) % every);
  }

  address(number) {
    const { pictures, base, digits } = this.data;
    return pictures ? pictures[number] : `${base}${String(number).padStart(digits, "0")}.webp`;
  }

  /* The picture of one frame; loaded once, drawn when it has arrived and is still the one wanted. */
  image(number) {
    let image = this.images.get(number);
    if (!image) {
      image = new Image();
      image.addEventListener("load", () => number === this.wanted && this.draw(number));
      image.addEventListener("error", () => this.element.parentElement.classList.add("broken"));
      image.src = this.address(number);
      this.images.set(number, image);
    }
    return image;
  }

  ready(number) {
    const image = this.image(number);
    return image.complete && image.naturalWidth > 0;
  }

  ahead(number) {
    for (let more = 1; more <= 8; more += 1)
      this.image(this.snap(((number - 1 + more * this.data.every) % this.data.frames) + 1));
  }

  show(number) {
    this.wanted = this.snap(number);
    if (this.ready(this.wanted)) this.draw(this.wanted);
  }

  draw(number) {
    this.drawnOnce = true;
    this.pen.drawImage(this.image(number), 0, 0, this.element.width, this.element.height);
    this.element.hidden = false;
    this.still.classList.add("behind");
    this.shown(number);
  }
}

class Film {
  constructor(data, still, shown) {
    Object.assign(this, { data, still, shown });
    this.wanted = null;
    this.ends = [];
    const steps = data.steps || Array(data.frames).fill(1 / data.fps);
    steps.reduce((end, step, n) => (this.ends[n] = end + step), 0);
    this.element = make("video", { preload: "none", playsinline: "", hidden: "", tabindex: "-1" });
    this.element.disablePictureInPicture = true;
    this.element.muted = true;
    /* an odd side has one line more in the film than in the picture */
    const even = (side) => (100 * (side + (side % 2))) / side;
    this.element.style.width = `${even(data.columns)}%`;
    this.element.style.height = `${even(data.rows)}%`;
    this.element.src = data.film;
    this.element.addEventListener("seeked", () => this.arrived());
    this.element.addEventListener("error", () => this.element.parentElement.classList.add("broken"));
    this.element.addEventListener("loadedmetadata", () => this.seek());
  }

  snap(number) {
    return number;
  }

  /* The frame that stands at this second: frames are found by the time at which each begins. */
  at(seconds) {
    let [low, high] = [0, this.ends.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ends[middle] > seconds + 0.0005) high = middle;
      else low = middle + 1;
    }
    return low + 1;
  }

  /* A film is sought in the middle of a frame: its edges belong to either neighbour, by rounding. */
  middle(number) {
    return ((this.ends[number - 2] || 0) + this.ends[number - 1]) / 2;
  }

  show(number) {
    this.wanted = number;
    if (this.element.preload !== "auto") {
      this.element.preload = "auto";
      this.element.load();
    } else this.seek();
  }

  seek() {
    if (this.wanted === null || this.seeking || this.element.readyState < 1) return;
    this.seeking = this.wanted;
    this.element.currentTime = this.middle(this.wanted);
  }

  arrived() {
    const came = this.seeking;
    this.seeking = null;
    if (came === null) return;
    this.reveal();
    if (this.wanted !== came) this.seek();
    else {
      this.wanted = null;
      this.shown(came);
    }
  }

  reveal() {
    this.element.hidden = false;
    this.still.classList.add("behind");
  }

  /* Plays by itself, with its sound; tells each frame as it comes. */
  play(rate, from) {
    this.element.playbackRate = rate;
    this.running = true;
    if (this.element.hidden) this.show(from);
    this.element.play().catch(() => {});
    this.follow();
  }

  follow() {
    const told = (_, frame) => {
      if (!this.running) return;
      if (!this.seeking) {
        this.reveal();
        this.shown(this.at(frame ? frame.mediaTime : this.element.currentTime));
      }
      this.follow();
    };
    if (this.element.requestVideoFrameCallback) this.element.requestVideoFrameCallback(told);
    else requestAnimationFrame(() => told());
  }

  pause() {
    this.running = false;
    this.element.pause();
  }
}
