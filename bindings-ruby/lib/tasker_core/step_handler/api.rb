# frozen_string_literal: true

require "json"
require "net/http"
require "openssl"
require "time"
require "uri"

module TaskerCore
  module StepHandler
    # HTTP for handlers, with failures that say whether trying again may help: no answer, 408, 425, 429 and 5xx are
    # retryable (and +Retry-After+ is kept), other codes of 400 and more are permanent.
    class Api
      # The answer of a server.
      Response = Struct.new(:status, :headers, :body, keyword_init: true) do
        # The body as JSON; nil if there is none.
        def json
          body.nil? || body.empty? ? nil : JSON.parse(body)
        end
      end

      CONNECTION_ERRORS = [SystemCallError, SocketError, IOError, OpenSSL::SSL::SSLError, Net::ProtocolError].freeze
      RETRYABLE = { 408 => Errors::TimeoutError, 425 => Errors::ServiceUnavailableError, 429 => Errors::RateLimitError,
                    504 => Errors::TimeoutError }.freeze
      PERMANENT = { 400 => Errors::ValidationError, 401 => Errors::AuthenticationError, 403 => Errors::AuthorizationError,
                    404 => Errors::NotFoundError, 410 => Errors::NotFoundError, 422 => Errors::ValidationError }.freeze
      private_constant :CONNECTION_ERRORS, :RETRYABLE, :PERMANENT

      # +timeout+ is in seconds, for the connection and for each part of the answer.
      def initialize(base_url, headers: {}, timeout: 30)
        @base = URI("#{base_url.to_s.chomp('/')}/")
        @headers = headers
        @timeout = timeout
      end

      # One that sends these besides; the same one if there are none.
      def with_headers(headers)
        return self if headers.empty?

        dup.tap { |api| api.instance_variable_set(:@headers, @headers.merge(headers)) }
      end

      def get(path, params: {}, headers: {})
        request(Net::HTTP::Get, path, params: params, headers: headers)
      end

      def delete(path, params: {}, headers: {})
        request(Net::HTTP::Delete, path, params: params, headers: headers)
      end

      # +json+ is sent as JSON; +body+ as it is.
      def post(path, json: nil, body: nil, headers: {})
        request(Net::HTTP::Post, path, json: json, body: body, headers: headers)
      end

      def put(path, json: nil, body: nil, headers: {})
        request(Net::HTTP::Put, path, json: json, body: body, headers: headers)
      end

      def patch(path, json: nil, body: nil, headers: {})
        request(Net::HTTP::Patch, path, json: json, body: body, headers: headers)
      end

      private

      def request(kind, path, params: {}, json: nil, body: nil, headers: {})
        uri = URI.join(@base, path.to_s.delete_prefix("/"))
        uri.query = URI.encode_www_form(params) unless params.empty?
        request = kind.new(uri, @headers.merge(headers).transform_keys(&:to_s))
        request.body = body if body
        unless json.nil?
          request.body = Native.to_json(json)
          request.content_type = "application/json"
        end
        response(uri, answer_of(uri, request))
      end

      def answer_of(uri, request)
        times = { open_timeout: @timeout, read_timeout: @timeout, write_timeout: @timeout }
        Net::HTTP.start(uri.hostname, uri.port, use_ssl: uri.scheme == "https", **times) { |http| http.request(request) }
      rescue Timeout::Error => e
        raise Errors::TimeoutError, "#{place(uri)} did not answer in time: #{e.message}"
      rescue *CONNECTION_ERRORS => e
        raise Errors::NetworkError, "#{place(uri)} cannot be reached: #{e.message}"
      end

      def response(uri, answer)
        status = answer.code.to_i
        return Response.new(status: status, headers: answer.to_hash, body: answer.body) if status < 400

        message = "#{place(uri)} answered #{status} #{answer.message}"
        context = { status: status, body: answer.body.to_s.scrub[0, 2000] }
        kind = RETRYABLE[status] || (status >= 500 ? Errors::ServiceUnavailableError : nil)
        raise refusal(status, message, context) if kind.nil?

        raise kind.new(message, context: context, retry_after: seconds(answer["Retry-After"]))
      end

      def refusal(status, message, context)
        known = PERMANENT[status]
        return known.new(message, context: context) if known

        Errors::PermanentError.new(message, error_code: "http_#{status}", context: context)
      end

      # The header holds seconds or a date.
      def seconds(header)
        return if header.nil?
        return header.to_i if header.match?(/\A\d+\z/)

        [Time.httpdate(header) - Time.now, 0].max
      rescue ArgumentError
        nil
      end

      # Without user, password and query, which may be secret.
      def place(uri)
        "#{uri.scheme}://#{uri.host}:#{uri.port}#{uri.path}"
      end
    end

    module Functional
      # A handler whose block is given +api+.
      class ApiHandler < Handler
        class << self
          attr_accessor :api
        end

        private

        def arguments(context)
          { **super, api: self.class.api.with_headers(context.trace_context) }
        end
      end

      module_function

      # A handler that calls another system: its block may take +api:+, an Api for +base_url+.
      def api_handler(name, base_url:, headers: {}, timeout: 30, depends_on: {}, inputs: [], version: "1.0.0", &block)
        Class.new(ApiHandler) do
          self.api = Api.new(base_url, headers: headers, timeout: timeout)
          define(name, version, depends_on, inputs, block)
        end
      end
    end
  end
end
