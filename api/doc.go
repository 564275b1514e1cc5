// Package api is riffle's HTTP service: POST /detect, the routes that programs
// written for DeepStack, CodeProject.AI, DOODS and KServe expect, a web page,
// metrics and health.
//
// A request goes one way: [Server.Handler] routes it, a form of request turns
// it into encoded pictures and a query, the queue of its model admits it or
// refuses it, a worker of that model decodes, detects and draws, and the answer
// is written in the form of the route it came by. Nothing is kept between
// requests.
package api
