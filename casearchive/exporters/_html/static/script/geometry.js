/* Where a point lies beside a shape. Everything in stored pixels: whole numbers are centres of pixels. */

function insidePolygon([x, y], points) {
  let inside = false;
  points.forEach(([ax, ay], n) => {
    const [bx, by] = points[(n + points.length - 1) % points.length];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  });
  return inside;
}

function toSegment([x, y], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const along = clamp(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1), 0, 1);
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}

/* An ellipse as a polygon of 48 corners: near enough to say how far a point is from it. */
function ellipseCorners([[cx, cy], [rx, ry], [degrees]]) {
  const turn = (degrees * Math.PI) / 180;
  return Array.from({ length: 48 }, (_, n) => {
    const at = (n * Math.PI) / 24;
    const [u, v] = [rx * Math.cos(at), ry * Math.sin(at)];
    return [cx + u * Math.cos(turn) - v * Math.sin(turn), cy + u * Math.sin(turn) + v * Math.cos(turn)];
  });
}

/* Pixels from a point to a shape, 0 inside of it. */
function distanceTo(point, { kind, points }) {
  if (kind === "point") return Math.hypot(point[0] - points[0][0], point[1] - points[0][1]);
  const corners = kind === "ellipse" ? ellipseCorners(points) : points;
  const closed = kind === "polygon" || kind === "ellipse";
  if (closed && insidePolygon(point, corners)) return 0;
  const sides = corners.slice(closed ? 0 : 1).map((corner, n) => {
    const before = closed ? corners[(n + corners.length - 1) % corners.length] : corners[n];
    return toSegment(point, before, corner);
  });
  return Math.min(...sides);
}
